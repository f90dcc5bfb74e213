//! Prints what a segment costs.
#![allow(clippy::print_stdout)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    for _ in 0..5 {
        println!("{:?}", aimon_tests::bench::segment::run()?);
    }
    Ok(())
}
