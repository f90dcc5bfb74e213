//! The command `aimon`.

fn main() -> std::process::ExitCode {
    aimon_agent::main()
}
