//! Order-preserving key encoding, shared by every engine: comparing the bytes compares the values.
//! Integers are big-endian (signed ones with the sign flipped), texts and byte strings are escaped and terminated, so a
//! key that is a tuple sorts by its parts in order. Encodings are permanent: changing one orphans every stored row.
//! Rows put a two-byte table or index number before it; see `table.rs`.

/// A value that can stand in a key. `decode(encode(x)) == x`, and `encode(a) < encode(b)` exactly when `a < b`.
/// No encoding is a proper prefix of another of the same type, so encodings can be concatenated.
pub trait KeyCode: Sized {
    /// Appends the encoding to `out`.
    fn encode(&self, out: &mut Vec<u8>);
    /// Takes one value off the front of `input`; `None` when the bytes are not an encoding.
    fn decode(input: &mut &[u8]) -> Option<Self>;
}

/// The encoding of `key` alone.
pub fn encoded<K: KeyCode>(key: &K) -> Vec<u8> {
    let mut out = Vec::with_capacity(32);
    key.encode(&mut out);
    out
}

/// Reads a whole key; bytes left over make it `None`.
pub fn decoded<K: KeyCode>(mut bytes: &[u8]) -> Option<K> {
    let key = K::decode(&mut bytes)?;
    bytes.is_empty().then_some(key)
}

macro_rules! unsigned {
    ($($t:ty),*) => {$(
        impl KeyCode for $t {
            fn encode(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
            fn decode(input: &mut &[u8]) -> Option<Self> {
                let (head, rest) = input.split_first_chunk()?;
                *input = rest;
                Some(<$t>::from_be_bytes(*head))
            }
        }
    )*};
}
unsigned!(u8, u16, u32, u64, u128);

impl KeyCode for i64 {
    fn encode(&self, out: &mut Vec<u8>) {
        (self.cast_unsigned() ^ (1 << 63)).encode(out);
    }
    fn decode(input: &mut &[u8]) -> Option<Self> {
        Some((u64::decode(input)? ^ (1 << 63)).cast_signed())
    }
}

impl KeyCode for bool {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn decode(input: &mut &[u8]) -> Option<Self> {
        match u8::decode(input)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }
}

impl<const N: usize> KeyCode for [u8; N] {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn decode(input: &mut &[u8]) -> Option<Self> {
        let (head, rest) = input.split_first_chunk()?;
        *input = rest;
        Some(*head)
    }
}

/// Appends `bytes` with every zero followed by 255, and no terminator: the start of each text that begins with them.
pub(super) fn escape(bytes: &[u8], out: &mut Vec<u8>) {
    for &b in bytes {
        out.push(b);
        if b == 0 {
            out.push(0xFF);
        }
    }
}

impl KeyCode for Vec<u8> {
    fn encode(&self, out: &mut Vec<u8>) {
        escape(self, out);
        out.extend_from_slice(&[0, 0]);
    }
    fn decode(input: &mut &[u8]) -> Option<Self> {
        let mut value = Vec::new();
        loop {
            let at = input.iter().position(|b| *b == 0)?;
            value.extend_from_slice(&input[..at]);
            let mark = *input.get(at + 1)?;
            *input = &input[at + 2..];
            match mark {
                0 => return Some(value),
                0xFF => value.push(0),
                _ => return None,
            }
        }
    }
}

impl KeyCode for String {
    fn encode(&self, out: &mut Vec<u8>) {
        escape(self.as_bytes(), out);
        out.extend_from_slice(&[0, 0]);
    }
    fn decode(input: &mut &[u8]) -> Option<Self> {
        String::from_utf8(Vec::<u8>::decode(input)?).ok()
    }
}

impl<K: KeyCode> KeyCode for Option<K> {
    fn encode(&self, out: &mut Vec<u8>) {
        out.push(u8::from(self.is_some()));
        if let Some(key) = self {
            key.encode(out);
        }
    }
    fn decode(input: &mut &[u8]) -> Option<Self> {
        if bool::decode(input)? { Some(Some(K::decode(input)?)) } else { Some(None) }
    }
}

/// The key of a table that holds one row, and the empty prefix.
impl KeyCode for () {
    fn encode(&self, _: &mut Vec<u8>) {}
    fn decode(_: &mut &[u8]) -> Option<Self> {
        Some(())
    }
}

macro_rules! tuples {
    ($(($($name:ident $at:tt),*);)*) => {$(
        impl<$($name: KeyCode),*> KeyCode for ($($name,)*) {
            fn encode(&self, out: &mut Vec<u8>) {
                $(self.$at.encode(out);)*
            }
            fn decode(input: &mut &[u8]) -> Option<Self> {
                Some(($($name::decode(input)?,)*))
            }
        }
    )*};
}
tuples! {
    (A 0);
    (A 0, B 1);
    (A 0, B 1, C 2);
    (A 0, B 1, C 2, D 3);
}

/// Lets newtypes of the model stand in keys: `key_newtypes!(UserId(u64), TeamId(u64))`. The inner field must be visible.
macro_rules! key_newtypes {
    ($($name:ident($inner:ty)),* $(,)?) => {$(
        impl $crate::store::key::KeyCode for $name {
            fn encode(&self, out: &mut Vec<u8>) {
                $crate::store::key::KeyCode::encode(&self.0, out);
            }
            fn decode(input: &mut &[u8]) -> Option<Self> {
                <$inner as $crate::store::key::KeyCode>::decode(input).map($name)
            }
        }
    )*};
}
pub(crate) use key_newtypes;
