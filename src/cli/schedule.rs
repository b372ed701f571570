//! `plimsoll schedule`: one recorded case through kube-scheduler's decisions, without time.

use std::io::Read;
use std::path::PathBuf;

use clap::Args as ClapArgs;

use super::stdout;
use crate::error::{Error, Result};
use crate::kube::case::Case;

/// Arguments of `schedule`.
#[derive(ClapArgs, Debug)]
pub(super) struct Args {
    /// Run the case in FILE (a vector, or its `case` alone; plain or .gz); `-` is standard input
    #[arg(long = "case", value_name = "FILE")]
    case: PathBuf,
    /// Read at most NUM bytes, after decompression
    #[arg(long, value_name = "NUM", default_value_t = 256 << 20)]
    max_input_bytes: u64,
}

/// Runs the command: prints `{steps, final}` as the vectors' `expect` has them.
pub(super) fn run(args: &Args) -> Result<()> {
    let named = |error: Error| if args.case.as_os_str() == "-" { error } else { error.in_file(&args.case) };
    let bytes = read(args).map_err(named)?;
    let value = serde_json::from_slice(&bytes).map_err(|error| {
        let place = Error::input(format!("is not a case in JSON: {error}"));
        named(place.at(error.line() as u64, error.column() as u64))
    })?;
    let result = Case::read(&value).and_then(|case| case.run(None)).map_err(named)?;
    let text = serde_json::to_string_pretty(&result.steps_and_final())
        .map_err(|error| Error::failed(format!("the result cannot be written as JSON: {error}")))?;
    stdout::print(&format!("{text}\n"))
}

fn read(args: &Args) -> Result<Vec<u8>> {
    let failed = |error: std::io::Error| Error::input(format!("cannot be read ({error})"));
    let mut raw: Box<dyn Read> = if args.case.as_os_str() == "-" {
        Box::new(std::io::stdin().lock())
    } else {
        Box::new(std::fs::File::open(&args.case).map_err(failed)?)
    };
    let mut magic = Vec::new();
    raw.by_ref().take(2).read_to_end(&mut magic).map_err(failed)?;
    let whole = std::io::Cursor::new(magic.clone()).chain(raw);
    let mut bytes = Vec::new();
    let limit = args.max_input_bytes.saturating_add(1);
    if magic == [0x1f, 0x8b] {
        flate2::read::MultiGzDecoder::new(whole).take(limit).read_to_end(&mut bytes).map_err(failed)?;
    } else {
        let mut whole = whole;
        whole.by_ref().take(limit).read_to_end(&mut bytes).map_err(failed)?;
    }
    if bytes.len() as u64 > args.max_input_bytes {
        return Err(Error::budget("bytes", "more", args.max_input_bytes, "--max-input-bytes"));
    }
    Ok(bytes)
}
