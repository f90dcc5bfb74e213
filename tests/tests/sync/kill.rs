//! `kill -9` of agents and relay at random moments: nothing lost, nothing twice, on any device.

use std::process::{Child, Stdio};
use std::time::Duration;

use aimon_generator::Prng;
use aimon_tests::files::Growing;
use aimon_tests::{Device, Relay, pair, sqlite};

use crate::world::{Logs, Over, Place, expect_union, lay};

/// A process that runs until it is killed.
fn begun(device: &Device, what: &str) -> Child {
    device.rig.command(&[what]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

/// Whether it was still running.
fn killed(mut child: Child) -> bool {
    let running = child.try_wait().unwrap().is_none();
    let _ = child.kill();
    child.wait().unwrap();
    running
}

/// Two devices whose logs grow while they, and their relay, are killed again and again.
fn under_fire(seed: u64, kills: u32) {
    let logs = Logs::new(seed);
    let mut place = Place::new(Over::Socket);
    let devices = [logs.device(), logs.device()];
    let mut growing = Vec::new();
    for (n, home) in logs.spread(2, seed).into_iter().enumerate() {
        // Written elsewhere first: from there it grows.
        let whole = logs.device();
        lay(&whole, &home);
        growing.push(Growing::of(&whole.rig.home(), seed + n as u64));
    }
    devices[0].create(&place.url, "under fire");
    pair(&devices[0], &devices[1], "second");

    let mut rng = Prng::of(&[seed, 0x6b]);
    let mut agents: [Option<Child>; 2] = [None, None];
    let (mut hits, mut of_relay) = (0, 0);
    while hits < kills {
        for (device, logs) in devices.iter().zip(&mut growing) {
            logs.step(&device.rig.home(), 40);
        }
        let n = rng.below(2) as usize;
        let wait = Duration::from_millis(rng.below(250));
        match rng.below(4) {
            0 => {
                let relay: &mut Relay = place.relay.as_mut().unwrap();
                std::thread::sleep(wait);
                relay.kill();
                relay.again();
                (hits, of_relay) = (hits + 1, of_relay + 1);
            }
            // One that watches goes on over some rounds: it is killed wherever it is then.
            1 | 2 => match agents[n].take() {
                Some(agent) => hits += u32::from(killed(agent)),
                None => agents[n] = Some(begun(&devices[n], "up")),
            },
            // Beside an agent that watches or not.
            _ => {
                let child = begun(&devices[n], if rng.chance(500) { "sync" } else { "scan" });
                std::thread::sleep(wait);
                hits += u32::from(killed(child));
            }
        }
    }
    assert!(of_relay > kills / 10, "the relay was killed {of_relay} times of {hits}");
    for agent in agents.into_iter().flatten() {
        killed(agent);
    }
    for (device, logs) in devices.iter().zip(&mut growing) {
        logs.step(&device.rig.home(), 1);
        assert!(logs.is_done());
        device.rig.scan();
        device.sync();
    }
    devices[0].sync();
    for device in &devices {
        let checks = sqlite::check(&device.rig.aimon_home());
        assert!(!checks.is_empty() && checks.iter().all(|c| c == "ok"), "{checks:?}");
        device.run(&["doctor"]);
        assert_eq!(device.workspace()["waiting"]["chunks"], 0);
    }
    expect_union(&[&devices[0], &devices[1]], &logs);
    // The relay has lost nothing that it has acknowledged: one that joins has it all.
    let third = logs.device();
    pair(&devices[1], &third, "third");
    assert_eq!(third.records(), devices[0].records());
}

#[test]
fn sixty_kills_of_agents_and_relay() {
    under_fire(301, 60);
}

#[test]
#[ignore = "long"]
fn two_hundred_kills_of_agents_and_relay() {
    under_fire(302, 200);
}
