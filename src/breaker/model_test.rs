//! The breaker against a model of what it promises, over any sequence of calls.
//!
//! The model keeps every outcome and every call and decides from these alone; it shares no code with the breaker.
//! Times are whole milliseconds. Chance is left out: a test of its own bounds it.

use proptest::prelude::*;

use super::*;

/// What may happen next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Wait(u64),
    Admit {
        lease: u64,
    },
    LastResort,
    /// One of the calls under way ends so.
    End(prop::sample::Index, Outcome),
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    let outcome = prop_oneof![
        5 => Just(Outcome::Failure),
        4 => Just(Outcome::Success),
        1 => Just(Outcome::Neutral)
    ];
    prop_oneof![
        // Short waits keep outcomes in one window, long ones let breakers open again and forget.
        4 => (0u64..3000).prop_map(Step::Wait),
        1 => (0u64..70_000).prop_map(Step::Wait),
        8 => (1000u64..30_000).prop_map(|lease| Step::Admit { lease }),
        2 => Just(Step::LastResort),
        8 => (any::<prop::sample::Index>(), outcome).prop_map(|(call, outcome)| Step::End(call, outcome)),
        1 => prop::bool::weighted(0.1).prop_map(|reset| if reset { Step::Reset } else { Step::Wait(0) }),
    ]
}

fn settings() -> impl Strategy<Value = Settings> {
    let open_for = prop::option::weighted(0.3, (1u64..120).prop_map(Duration::from_secs));
    (1u32..20, open_for).prop_map(|(in_a_row, open_for)| Settings { in_a_row, open_for })
}

/// A call under way.
#[derive(Clone, Copy, Debug)]
struct Under {
    pass: Pass,
    /// Transitions before it began.
    transitions: u32,
    /// Its number, if it is the one that finds out.
    probe: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Mode {
    Closed,
    Open {
        until: u64,
    },
    /// The probe under way and the end of its lease.
    Half {
        good: u32,
        probe: Option<(u32, u64)>,
    },
}

struct Model {
    settings: Settings,
    now: u64,
    mode: Mode,
    transitions: u32,
    probes: u32,
    /// Since it closed last: when, and whether the call failed.
    outcomes: Vec<(u64, bool)>,
    closed_at: Option<u64>,
    /// When the outage began.
    outage: Option<u64>,
    /// When it was opened last, or asked although it was open.
    tried: u64,
}

impl Model {
    fn new(settings: Settings, now: u64, transitions: u32, probes: u32) -> Model {
        let (outcomes, mode) = (Vec::new(), Mode::Closed);
        Model { settings, now, mode, transitions, probes, outcomes, closed_at: None, outage: None, tried: 0 }
    }

    fn turn(&mut self, mode: Mode) {
        self.mode = mode;
        self.transitions += 1;
    }

    /// The lease of the one call that finds out; `Ok(None)` for an ordinary call.
    fn admit(&mut self, lease: u64) -> Result<Option<u32>, u64> {
        let good = match self.mode {
            Mode::Closed => return Ok(None),
            Mode::Open { until } | Mode::Half { probe: Some((_, until)), .. } if self.now < until => {
                return Err(until - self.now);
            }
            Mode::Open { .. } => {
                self.turn(Mode::Half { good: 0, probe: None });
                0
            }
            Mode::Half { good, .. } => good,
        };
        self.probes += 1;
        self.mode = Mode::Half { good, probe: Some((self.probes, self.now + lease)) };
        Ok(Some(self.probes))
    }

    fn last_resort(&mut self) -> bool {
        let may = matches!(self.mode, Mode::Open { .. }) && self.now - self.tried >= 5000;
        if may {
            self.tried = self.now;
        }
        may
    }

    fn end(&mut self, call: Under, outcome: Outcome) {
        if call.transitions != self.transitions {
            return;
        }
        match self.mode {
            Mode::Closed if outcome != Outcome::Neutral => {
                self.outcomes.push((self.now, outcome == Outcome::Failure));
                if outcome == Outcome::Failure && self.has_failed() {
                    self.open();
                }
            }
            Mode::Closed => {}
            // Asked although it was open.
            Mode::Open { .. } if outcome == Outcome::Success => self.good(1),
            Mode::Open { .. } => {}
            // Who has outlived his lease has no say any more.
            Mode::Half { probe, .. } if probe.map(|(number, _)| number) != call.probe => {}
            Mode::Half { good, .. } => match outcome {
                Outcome::Success => self.good(good + 1),
                Outcome::Failure => self.open(),
                Outcome::Neutral => self.mode = Mode::Half { good, probe: None },
            },
        }
    }

    fn has_failed(&self) -> bool {
        let in_a_row = self.outcomes.iter().rev().take_while(|(_, failed)| *failed).count();
        let window = self.outcomes.iter().filter(|(at, _)| self.now - at <= 60_000);
        let (count, failed) =
            window.fold((0, 0), |(count, failed), (_, is)| (count + 1, failed + usize::from(*is)));
        let most = self.settings.in_a_row as usize;
        in_a_row >= most || (count >= most.max(10) && failed * 2 >= count)
    }

    fn open(&mut self) {
        let quiet = self.closed_at.is_some_and(|at| self.now - at >= 60_000);
        if self.mode == Mode::Closed && quiet {
            self.outage = None;
        }
        let seconds = match (self.settings.open_for, self.outage) {
            (Some(given), _) => given.as_secs(),
            (None, None) => 10,
            (None, Some(since)) if self.now - since < 180_000 => 20,
            (None, Some(_)) => 60,
        };
        self.outage.get_or_insert(self.now);
        self.tried = self.now;
        self.turn(Mode::Open { until: self.now + seconds * 1000 });
    }

    fn good(&mut self, good: u32) {
        let enough = if self.settings.open_for.is_some() { 1 } else { 2 };
        if good >= enough {
            self.outcomes.clear();
            self.closed_at = Some(self.now);
            return self.turn(Mode::Closed);
        }
        match self.mode {
            Mode::Half { .. } => self.mode = Mode::Half { good, probe: None },
            _ => self.turn(Mode::Half { good, probe: None }),
        }
    }

    fn shown(&self) -> Shown {
        match self.mode {
            Mode::Closed => Shown::Closed,
            Mode::Open { .. } => Shown::Open,
            Mode::Half { .. } => Shown::HalfOpen,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn it_does_what_its_model_does(settings in settings(), steps in prop::collection::vec(step(), 1..300)) {
        let began = Instant::now();
        let mut breaker = Breaker::new(settings);
        let mut model = Model::new(settings, 0, 0, 0);
        let mut calls: Vec<Under> = Vec::new();
        for step in steps {
            let now = began + Duration::from_millis(model.now);
            match step {
                Step::Wait(time) => model.now += time,
                Step::Admit { lease } => match breaker.admit(now, Duration::from_millis(lease)) {
                    Ok(pass) => {
                        let probe = model.admit(lease);
                        prop_assert_eq!(probe.map(|probe| probe.is_some()), Ok(pass.is_probe()));
                        calls.push(Under { pass, transitions: model.transitions, probe: probe.unwrap() });
                    }
                    Err(wait) => prop_assert_eq!(model.admit(lease), Err(wait.as_millis() as u64)),
                },
                Step::LastResort => {
                    let pass = breaker.admit_as_last_resort(now);
                    prop_assert_eq!(pass.is_some(), model.last_resort());
                    let transitions = model.transitions;
                    calls.extend(pass.map(|pass| Under { pass, transitions, probe: None }));
                }
                Step::End(..) if calls.is_empty() => {}
                Step::End(which, outcome) => {
                    let call = calls.swap_remove(which.index(calls.len()));
                    breaker.report(call.pass, outcome, now, 0.0);
                    model.end(call, outcome);
                }
                Step::Reset => {
                    breaker.reset();
                    model = Model::new(settings, model.now, model.transitions + 1, model.probes);
                }
            }
            prop_assert_eq!(breaker.shown(), model.shown(), "after {:?}", step);
        }
    }

    #[test]
    fn chance_moves_its_time_by_a_fifth_at_most(chance: f64, open_for in 1u64..1000) {
        let (open_for, now) = (Duration::from_secs(open_for), Instant::now());
        let mut breaker = Breaker::new(Settings { in_a_row: 1, open_for: Some(open_for) });
        let pass = breaker.admit(now, open_for).unwrap();
        breaker.report(pass, Outcome::Failure, now, chance);
        let wait = breaker.refuses_for(now).as_secs_f64() / open_for.as_secs_f64();
        prop_assert!((0.79999..=1.20001).contains(&wait), "{wait}");
    }
}
