//! What is echoed: the columns of the table.

/// A load.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cell {
    /// The column's heading; words behind `--` choose by it.
    pub(crate) name: &'static str,
    /// Bytes of a message.
    pub(crate) bytes: usize,
    /// How many connections there are.
    pub(crate) connections: usize,
    /// How many messages of a connection are under way.
    pub(crate) burst: usize,
    /// Text that is not ASCII, or binary.
    pub(crate) text: bool,
    /// Bursts of each connection in a round: some 10 ms of processor time at the floor, since what
    /// begins and ends a round is part of it.
    pub(crate) bursts: usize,
    /// Only for the floors and who is as they are, and each opens its connections for a round at a
    /// time: too many files for all at once.
    pub(crate) few: bool,
}

const BINARY: Cell = Cell {
    name: "",
    bytes: 0,
    connections: 64,
    burst: 1,
    text: false,
    bursts: 1,
    few: false,
};

#[rustfmt::skip]
pub(crate) const CELLS: [Cell; 15] = [
    Cell { name: "16 B c64 p1", bytes: 16, bursts: 40, ..BINARY },
    Cell { name: "16 B c64 p16", bytes: 16, burst: 16, bursts: 40, ..BINARY },
    Cell { name: "125 B c64 p1", bytes: 125, bursts: 40, ..BINARY },
    Cell { name: "125 B c64 p16", bytes: 125, burst: 16, bursts: 40, ..BINARY },
    Cell { name: "1 KiB c64 p1", bytes: 1 << 10, bursts: 40, ..BINARY },
    Cell { name: "1 KiB c64 p16", bytes: 1 << 10, burst: 16, bursts: 32, ..BINARY },
    Cell { name: "16 KiB c64 p1", bytes: 16 << 10, bursts: 32, ..BINARY },
    Cell { name: "16 KiB c64 p16", bytes: 16 << 10, burst: 16, bursts: 4, ..BINARY },
    Cell { name: "16 B c8 p128", bytes: 16, connections: 8, burst: 128, bursts: 100, ..BINARY },
    Cell { name: "256 KiB c16 p1", bytes: 256 << 10, connections: 16, bursts: 16, ..BINARY },
    Cell { name: "1 MiB c8 p1", bytes: 1 << 20, connections: 8, bursts: 8, ..BINARY },
    Cell { name: "text 1 KiB c64 p16", bytes: 1 << 10, burst: 16, text: true, bursts: 32, ..BINARY },
    Cell { name: "text 16 KiB c64 p16", bytes: 16 << 10, burst: 16, text: true, bursts: 4, ..BINARY },
    Cell { name: "125 B c1000 p1", bytes: 125, connections: 1_000, bursts: 4, few: true, ..BINARY },
    Cell { name: "125 B c10000 p1", bytes: 125, connections: 10_000, bursts: 2, few: true, ..BINARY },
];

impl Cell {
    /// How many messages are echoed in a round.
    pub(crate) const fn messages(&self) -> usize {
        self.connections * self.burst * self.bursts
    }
}
