//! What benches share.

use std::time::Duration;

/// Processor time of this thread so far, to the nanosecond. (`/proc/thread-self/schedstat` is brought up to date only at ticks of the
/// clock on some kernels.)
pub fn processor_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
