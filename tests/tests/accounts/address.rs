//! Where a key goes: to the address that was given for it on its own device, and nowhere else.

use aimon_providers::{Key, Provider};
use aimon_tests::{Device, Relay, pair};

use crate::rig::{World, device};

/// The keys with which a server was asked, each once, without its number.
fn keys(world: &World) -> Vec<String> {
    let mut keys: Vec<String> = world.server.requests().into_iter().map(|request| request.key).collect();
    keys.sort();
    keys.dedup();
    keys
}

fn key(n: usize) -> String {
    Key::hash(World::key_of(Provider::OpenAi, n))
}

#[test]
fn no_other_device_says_where_a_key_goes() {
    // One organization, at two addresses.
    let (world, elsewhere) = (World::new(Provider::OpenAi, 41), World::new(Provider::OpenAi, 41));
    let (one, other) = (device(), device());
    let relay = Relay::start(&one.rig.path("relay"));
    one.create(&relay.url(), "home");
    pair(&one, &other, "other");
    world.add(&one, 1, &[]).fine();
    one.sync();
    other.sync();
    // Not to the provider's own address either, where nobody has said here which one it is.
    let said = other.tell(&["account", "rekey", "openai", "--key-stdin"], World::key_of(Provider::OpenAi, 2));
    assert!(said.err.contains("error[address-missing]") && said.err.contains("--base-url"), "{said:?}");
    elsewhere.add(&other, 2, &[]).fine();
    for _ in 0..2 {
        other.sync();
        one.sync();
    }
    let forced = |device: &Device| {
        [&world, &elsewhere].iter().for_each(|world| world.server.forget());
        device.run(&["poll", "--force"]);
        (keys(&world), keys(&elsewhere))
    };
    assert_eq!(forced(&one), (vec![key(1)], vec![]));
    assert_eq!(forced(&other), (vec![], vec![key(2)]));

    // Another key goes where the first one went.
    world.server.forget();
    one.tell(&["account", "rekey", "openai", "--key-stdin"], World::key_of(Provider::OpenAi, 2)).fine();
    assert_eq!((keys(&world), forced(&one)), (vec![key(2)], (vec![key(2)], vec![])));

    // Nobody else knows where it goes, and it shows where somebody does.
    let list = |device: &Device| -> serde_json::Value {
        serde_json::from_str(&device.run(&["account", "list", "--json"]).out).unwrap()
    };
    assert_eq!(
        (&list(&one)[0]["baseUrl"], &list(&other)[0]["baseUrl"]),
        (&world.base().into(), &elsewhere.base().into())
    );
    let told = |device: &Device, address: &str| {
        let has = |bytes: &[u8]| bytes.windows(address.len()).any(|w| w == address.as_bytes());
        device.records().iter().any(|(_, bytes)| has(bytes))
    };
    assert!(!told(&other, &world.base()) && !told(&one, &elsewhere.base()));
}

/// What was interrupted on the way leaves no key that goes to the other one's address.
#[test]
fn a_key_without_its_address_goes_nowhere() {
    let (world, device) = (World::new(Provider::OpenAi, 42), device());
    world.add(&device, 1, &[]).fine();
    let secrets = device.secrets();
    let [(name, _)] = &secrets[..] else { panic!("{}", secrets.len()) };
    let path = device.rig.aimon_home().join("secrets").join(name);
    std::fs::write(path, World::key_of(Provider::OpenAi, 2)).unwrap();
    world.server.forget();
    let said = device.tell(&["poll", "--force"], "");
    assert!(said.code == Some(1) && said.err.contains("error[address-missing]"), "{said:?}");
    assert_eq!(keys(&world), [""; 0]);
    world.add(&device, 2, &[]).fine();
    device.run(&["poll", "--force"]);
    assert_eq!(keys(&world), [key(2)]);
}
