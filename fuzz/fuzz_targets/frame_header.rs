//! A frame's header: parsed and encoded again it is the same, encoded and parsed again as well,
//! and every prefix says the same or nothing.
#![no_main]
#![forbid(unsafe_code)]

use arbitrary::{Arbitrary, Unstructured};
use libfuzzer_sys::fuzz_target;
use sansock::proto::{FrameHeader, MAX_CONTROL_PAYLOAD, Opcode, ProtocolError, mask};

fuzz_target!(|data: &[u8]| {
    parse(data);
    encode(data);
    unmask(data);
});

fn parse(data: &[u8]) {
    let data = &data[..data.len().min(32)];
    let whole = FrameHeader::parse(data);
    let mut said = false;
    for end in 0..=data.len() {
        let prefix = FrameHeader::parse(&data[..end]);
        said |= prefix != Ok(None);
        assert_eq!(prefix, if said { whole } else { Ok(None) }, "{end}");
        if let Ok(Some((_, len))) = prefix {
            assert!(end >= len, "more was read than there is");
        }
    }
    match whole {
        Ok(Some((header, len))) => {
            assert!((2..=FrameHeader::MAX_LEN).contains(&len));
            assert_eq!(header.rsv, 0);
            let mut out = Vec::new();
            header.encode(&mut out);
            assert_eq!(out, data[..len]);
        }
        Ok(None) => assert!(data.len() < FrameHeader::MAX_LEN),
        Err(_) => {}
    }
}

fn encode(data: &[u8]) {
    let mut u = Unstructured::new(data);
    let Ok((first, mask, payload_len, shift)) = Arbitrary::arbitrary(&mut u) else {
        return;
    };
    let (first, shift): (u8, u32) = (first, shift);
    let header = FrameHeader {
        fin: first & 0x80 != 0,
        rsv: first >> 4 & 7,
        opcode: match first & 0x0F {
            0 | 3.. if first & 8 == 0 => Opcode::Continuation,
            1 => Opcode::Text,
            2 => Opcode::Binary,
            8 | 11.. => Opcode::Close,
            9 => Opcode::Ping,
            _ => Opcode::Pong,
        },
        mask,
        payload_len: u64::wrapping_shr(payload_len, shift),
    };
    let mut out = Vec::new();
    header.encode(&mut out);
    let control = matches!(header.opcode, Opcode::Close | Opcode::Ping | Opcode::Pong);
    let expected = if header.rsv != 0 {
        Err(ProtocolError::ReservedBits(header.rsv))
    } else if control && !header.fin {
        Err(ProtocolError::FragmentedControl)
    } else if control && header.payload_len > MAX_CONTROL_PAYLOAD as u64 {
        Err(ProtocolError::ControlTooLong)
    } else if header.payload_len > u64::MAX >> 1 {
        Err(ProtocolError::LengthOverflow)
    } else {
        Ok(Some((header, out.len())))
    };
    assert_eq!(FrameHeader::parse(&out), expected);
}

/// Masking in pieces is masking by the definition (§5.3).
fn unmask(data: &[u8]) {
    let Some((&[at, a, b, c, d], payload)) = data.split_first_chunk() else {
        return;
    };
    let key = [a, b, c, d];
    let mut masked = payload.to_vec();
    let (front, back) = masked.split_at_mut(usize::from(at).min(payload.len()));
    let phase = mask::apply(front, key, 0);
    let end = mask::apply(back, key, phase);
    assert_eq!(usize::from(phase), front.len() % 4);
    assert_eq!(usize::from(end), payload.len() % 4);
    for (i, (masked, byte)) in masked.iter().zip(payload).enumerate() {
        assert_eq!(*masked, byte ^ key[i % 4]);
    }
}
