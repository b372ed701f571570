//! As much of Thrift's compact encoding as is needed to look at the sizes in a Parquet footer and its page headers
//! before anything is allocated for them.

/// Most levels of structs in structs.
const DEEPEST: u32 = 32;
/// The types of the encoding.
const BOOLEANS: [u8; 2] = [1, 2];
const STRUCT: u8 = 12;

/// Bytes to be looked at.
pub(super) struct Walk<'a> {
    bytes: &'a [u8],
    /// How far it came.
    pub at: usize,
}

impl<'a> Walk<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Walk { bytes, at: 0 }
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = *self.bytes.get(self.at)?;
        self.at += 1;
        Some(byte)
    }

    fn unsigned(&mut self) -> Option<u64> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    /// A whole number.
    pub fn number(&mut self) -> Option<i64> {
        let value = self.unsigned()?;
        Some((value >> 1) as i64 ^ -((value & 1) as i64))
    }

    /// The next field of a struct as type and number, after the field `last`; type 0 ends the struct.
    pub fn field(&mut self, last: i64) -> Option<(u8, i64)> {
        let head = self.byte()?;
        let (delta, kind) = (head >> 4, head & 0x0f);
        if kind == 0 {
            return Some((0, 0));
        }
        let number = if delta == 0 { self.number()? } else { last.checked_add(delta.into())? };
        Some((kind, number))
    }

    /// The head of a list: type and number of its elements, which are no more than bytes are left.
    pub fn list(&mut self) -> Option<(u8, usize)> {
        let head = self.byte()?;
        let size = match head >> 4 {
            15 => usize::try_from(self.unsigned()?).ok()?,
            size => size.into(),
        };
        (size <= self.bytes.len() - self.at).then_some((head & 0x0f, size))
    }

    /// Passes over a value.
    pub fn skip(&mut self, kind: u8, depth: u32) -> Option<()> {
        if depth > DEEPEST {
            return None;
        }
        match kind {
            1 | 2 => {}
            3 => {
                self.byte()?;
            }
            4..=6 => {
                self.unsigned()?;
            }
            7 => self.pass(8)?,
            8 => {
                let length = usize::try_from(self.unsigned()?).ok()?;
                self.pass(length)?;
            }
            9 | 10 => {
                let (of, size) = self.list()?;
                for _ in 0..size {
                    // In a list a truth has a byte of its own.
                    self.skip(if BOOLEANS.contains(&of) { 3 } else { of }, depth + 1)?;
                }
            }
            STRUCT => {
                let mut last = 0;
                loop {
                    let (kind, number) = self.field(last)?;
                    if kind == 0 {
                        break;
                    }
                    self.skip(kind, depth + 1)?;
                    last = number;
                }
            }
            // Parquet has no maps.
            _ => return None,
        }
        Some(())
    }

    fn pass(&mut self, n: usize) -> Option<()> {
        self.at = self.at.checked_add(n).filter(|at| *at <= self.bytes.len())?;
        Some(())
    }
}

/// Whether the schema in a footer is one that may be built: no element claims more children than there are elements,
/// and records do not stand in records without end.
pub(super) fn schema_is_sane(footer: &[u8], most_columns: usize) -> bool {
    children(footer, most_columns).is_some_and(|children| {
        // Elements stand depth first; how many children are still to come at each level.
        let mut open: Vec<usize> = vec![1];
        for n in children {
            while open.last() == Some(&0) {
                open.pop();
            }
            match open.last_mut() {
                Some(left) => *left -= 1,
                None => return false,
            }
            if n > 0 {
                open.push(n);
            }
            if open.len() > DEEPEST as usize {
                return false;
            }
        }
        open.iter().all(|left| *left == 0)
    })
}

/// The number of children of each element of the schema.
fn children(footer: &[u8], most_columns: usize) -> Option<Vec<usize>> {
    let mut walk = Walk::new(footer);
    let mut last = 0;
    loop {
        let (kind, number) = walk.field(last)?;
        last = number;
        match (kind, number) {
            (0, _) => return None,
            (9, 2) => {
                let (of, size) = walk.list()?;
                if of != STRUCT || size > most_columns {
                    return None;
                }
                return (0..size).map(|_| element(&mut walk, most_columns)).collect();
            }
            _ => walk.skip(kind, 0)?,
        }
    }
}

/// The number of children of the element of a schema.
fn element(walk: &mut Walk, most_columns: usize) -> Option<usize> {
    let (mut last, mut children) = (0, 0);
    loop {
        let (kind, number) = walk.field(last)?;
        last = number;
        match (kind, number) {
            (0, _) => return Some(children),
            (5, 5) => children = usize::try_from(walk.number()?).ok().filter(|n| *n <= most_columns)?,
            _ => walk.skip(kind, 0)?,
        }
    }
}

/// What a page header says of sizes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct PageSizes {
    /// Bytes of the header itself.
    pub header: usize,
    /// Bytes of the page, unpacked.
    pub unpacked: i64,
    /// Bytes of the page in the file.
    pub packed: i64,
    /// Bytes in front of what is packed: the levels of a page of version 2.
    pub levels: i64,
}

/// Reads the header of a page at the front of `bytes`.
pub(super) fn page(bytes: &[u8]) -> Option<PageSizes> {
    let mut walk = Walk::new(bytes);
    let (mut last, mut sizes) = (0, PageSizes { unpacked: -1, packed: -1, ..PageSizes::default() });
    loop {
        let (kind, number) = walk.field(last)?;
        last = number;
        match (kind, number) {
            (0, _) => break,
            (5, 2) => sizes.unpacked = walk.number()?,
            (5, 3) => sizes.packed = walk.number()?,
            (STRUCT, 8) => {
                let mut inner = 0;
                loop {
                    let (kind, number) = walk.field(inner)?;
                    inner = number;
                    match (kind, number) {
                        (0, _) => break,
                        (5, 5 | 6) => sizes.levels = sizes.levels.checked_add(walk.number()?)?,
                        _ => walk.skip(kind, 0)?,
                    }
                }
            }
            _ => walk.skip(kind, 0)?,
        }
    }
    sizes.header = walk.at;
    Some(sizes)
}
