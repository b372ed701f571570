//! Identifiers: `u32` newtypes that index columns.
//!
//! Ids are given in the order that decides ties (hosts by name, jobs by arrival), so the first minimum over ids is
//! also the lowest name or the earliest arrival. This module knows nothing of what the ids name. [`Sparse`] and [`Bits`] are
//! columns whose memory does not follow the number of all jobs.

mod bits;
mod sparse;

pub use bits::Bits;
pub use sparse::Sparse;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub u32);

        impl $name {
            /// The id as an index into a column.
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// The id of column entry `index`. Panics past `u32::MAX`, which the budgets rule out.
            pub fn from_index(index: usize) -> Self {
                Self(u32::try_from(index).expect("more than u32::MAX entries in a column"))
            }
        }
    };
}

id!(
    /// A host (machine, node), in byte order of names.
    HostId
);
id!(
    /// A job (one replica: unit, pod, task, VM), in order of arrival.
    JobId
);
id!(
    /// An app: jobs that replace each other.
    AppId
);
id!(
    /// An entry of the workload's table of distinct job specifications.
    SpecId
);
id!(
    /// A kind of extended resource (`example.com/dongle`), shared by jobs and hosts.
    ResourceId
);
