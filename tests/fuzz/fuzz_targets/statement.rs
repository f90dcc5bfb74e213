#![no_main]
//! Statements: bytes from relays and other devices. What is read as one has one spelling only, and a set of them takes any.

use aimon_ledger::membership::Membership;
use aimon_ledger::statement::{Body, Statement, What};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    if let Ok(body) = Body::decode(input)
        && !matches!(body.what, What::Unknown(_))
    {
        let again = body.encode().expect("a known kind can be written");
        assert_eq!(Body::decode(&again).expect("a body reads what it wrote"), body);
    }
    let Ok(statement) = Statement::parse(input.to_vec()) else { return };
    assert_eq!(statement.bytes(), input);
    assert_eq!(&Body::decode(statement.body_bytes()).expect("it was read"), statement.body());
    if let Ok(set) = Membership::begin(statement) {
        assert_eq!(set.standing().members.len(), 0);
    }
});
