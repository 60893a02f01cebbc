//! Every choice of a simulation is a number drawn here, so that a run is its list of choices: it can be repeated, and
//! shrunk by making the list shorter and its numbers smaller. Zero always means "nothing happens".

pub struct Chance {
    state: u64,
    /// The choices to make, when a run is repeated; zeros after its end.
    script: Option<Vec<u32>>,
    pub made: Vec<u32>,
}

impl Chance {
    pub fn seeded(seed: u64) -> Self {
        Chance { state: seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 77, script: None, made: Vec::new() }
    }

    pub fn scripted(script: Vec<u32>) -> Self {
        Chance { state: 0, script: Some(script), made: Vec::new() }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u32) -> u32 {
        let drawn = match &self.script {
            Some(script) => script.get(self.made.len()).copied().unwrap_or(0) % bound.max(1),
            None => u32::try_from(self.next() % u64::from(bound.max(1))).unwrap(),
        };
        self.made.push(drawn);
        drawn
    }

    /// True for every other seed; takes no number, so that a new kind of fault leaves half of the old stories as they were.
    pub fn every_other_seed(&mut self) -> bool {
        let of_seed = self.state.is_multiple_of(2);
        self.without_number(of_seed)
    }

    /// The same for one seed of eight, others for each `kind`.
    pub fn every_eighth_seed(&mut self, kind: u32) -> bool {
        let of_seed = (self.state >> (1 + 3 * kind)).is_multiple_of(8);
        self.without_number(of_seed)
    }

    fn without_number(&mut self, of_seed: bool) -> bool {
        let drawn = match &self.script {
            Some(script) => script.get(self.made.len()).copied().unwrap_or(0) % 2,
            None => u32::from(of_seed),
        };
        self.made.push(drawn);
        drawn == 1
    }

    pub fn millis(&mut self, bound: u32) -> i64 {
        i64::from(self.below(bound))
    }

    /// True in so many of a thousand cases.
    pub fn permille(&mut self, share: u32) -> bool {
        self.below(1000) >= 1000 - share
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(u32::try_from(from.len()).unwrap()) as usize]
    }
}
