//! Records of Quorate's extensions: operations that no ZooKeeper server has. `docs/extensions.md` says what they do.

use bytes::BytesMut;

use super::znode::put_acls;
use super::{Acl, DecodeError, JuteWrite, Reader, Record, Stat};

/// Creates a znode unless it is there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ensure<'a> {
    /// Where.
    pub path: &'a str,
    /// Its data, if it is made; null is kept apart from empty.
    pub data: Option<&'a [u8]>,
    /// Who may do what with it, and with the parents that are made.
    pub acl: Vec<Acl<'a>>,
    /// Whether missing parents are made too, with empty data.
    pub parents: bool,
}

impl<'a> Record<'a> for Ensure<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_string(self.path);
        out.put_buffer(self.data);
        put_acls(out, &self.acl);
        out.put_bool(self.parents);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            path: input.string()?,
            data: input.buffer()?,
            acl: input.vector(Acl::decode)?,
            parents: input.bool()?,
        })
    }
}

/// What is told of each child in a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(i32)]
pub enum ChildDetail {
    /// Its name.
    Name = 0,
    /// Its stat, too.
    Stat = 1,
    /// Its stat and data, too.
    Data = 2,
}

/// Asks for some of a znode's children, in the byte order of their names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ListChildren<'a> {
    /// Of which znode.
    pub path: &'a str,
    /// Whether the connection wants to hear, once, when a child next comes or goes.
    pub watch: bool,
    /// Only children whose name is greater; null is before all. There need not be such a child.
    pub after: Option<&'a str>,
    /// So many children at most; 0 or less for as many as the server gives.
    pub children_max: i32,
    /// So many bytes of children at most; 0 or less for as many as the server gives.
    pub bytes_max: i32,
    /// What is told of each.
    pub detail: ChildDetail,
}

impl<'a> Record<'a> for ListChildren<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_string(self.path);
        out.put_bool(self.watch);
        out.put_nullable_string(self.after);
        out.put_int(self.children_max);
        out.put_int(self.bytes_max);
        out.put_int(self.detail as i32);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self {
            path: input.string()?,
            watch: input.bool()?,
            after: input.nullable_string()?,
            children_max: input.int()?,
            bytes_max: input.int()?,
            detail: match input.int()? {
                0 => ChildDetail::Name,
                1 => ChildDetail::Stat,
                2 => ChildDetail::Data,
                value => return Err(DecodeError::UnknownValue { field: "detail of children", value }),
            },
        })
    }
}

/// A child in a page.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Child<'a> {
    /// Its name.
    pub name: &'a str,
    /// What else is told of it.
    pub content: ChildContent<'a>,
}

/// What a page tells of a child beside its name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ChildContent<'a> {
    /// Nothing was asked for.
    Unasked,
    /// The client may not read the child.
    Withheld,
    /// Its stat, which was all that was asked for.
    Stat(Stat),
    /// Its stat and data.
    Data(Stat, Option<&'a [u8]>),
    /// Its stat; the data would make the page larger than it may be: ask for the child alone.
    TooLarge(Stat),
}

impl ChildContent<'_> {
    const UNASKED: i32 = 0;
    const WITHHELD: i32 = 1;
    const STAT: i32 = 2;
    const DATA: i32 = 3;
    const TOO_LARGE: i32 = 4;
}

/// Bytes of a stat.
const STAT_BYTES: usize = 68;

impl Child<'_> {
    /// How many bytes it takes in a page.
    pub fn encoded_len(&self) -> usize {
        let content = match self.content {
            ChildContent::Unasked | ChildContent::Withheld => 0,
            ChildContent::Stat(_) | ChildContent::TooLarge(_) => STAT_BYTES,
            ChildContent::Data(_, data) => STAT_BYTES + 4 + data.map_or(0, <[u8]>::len),
        };
        4 + self.name.len() + 4 + content
    }
}

impl<'a> Record<'a> for Child<'a> {
    fn encode(&self, out: &mut BytesMut) {
        out.put_string(self.name);
        match self.content {
            ChildContent::Unasked => out.put_int(ChildContent::UNASKED),
            ChildContent::Withheld => out.put_int(ChildContent::WITHHELD),
            ChildContent::Stat(stat) => {
                out.put_int(ChildContent::STAT);
                stat.encode(out);
            }
            ChildContent::Data(stat, data) => {
                out.put_int(ChildContent::DATA);
                stat.encode(out);
                out.put_buffer(data);
            }
            ChildContent::TooLarge(stat) => {
                out.put_int(ChildContent::TOO_LARGE);
                stat.encode(out);
            }
        }
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let name = input.string()?;
        let content = match input.int()? {
            ChildContent::UNASKED => ChildContent::Unasked,
            ChildContent::WITHHELD => ChildContent::Withheld,
            ChildContent::STAT => ChildContent::Stat(input.record()?),
            ChildContent::DATA => ChildContent::Data(input.record()?, input.buffer()?),
            ChildContent::TOO_LARGE => ChildContent::TooLarge(input.record()?),
            value => return Err(DecodeError::UnknownValue { field: "content of a child", value }),
        };
        Ok(Self { name, content })
    }
}

/// Some of a znode's children, all of one state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChildrenPage<'a> {
    /// The stat of the znode.
    pub stat: Stat,
    /// The children, in the byte order of their names.
    pub children: Vec<Child<'a>>,
    /// Whether there are more behind the last.
    pub more: bool,
}

impl<'a> Record<'a> for ChildrenPage<'a> {
    fn encode(&self, out: &mut BytesMut) {
        self.stat.encode(out);
        out.put_vector(&self.children, |out, child| child.encode(out));
        out.put_bool(self.more);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { stat: input.record()?, children: input.vector(Child::decode)?, more: input.bool()? })
    }
}
