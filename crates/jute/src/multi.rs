//! Several operations in one request: all writes, or all reads.

use bytes::BytesMut;

use super::{
    Create, CreateTtl, DecodeError, ErrorCode, JuteWrite, OpCode, PathVersion, PathWatch, Reader, Record,
    SetData, Stat,
};

/// What stands before each part, and alone at the end.
struct MultiHeader {
    kind: i32,
    done: bool,
    error: i32,
}

const END: MultiHeader = MultiHeader { kind: -1, done: true, error: -1 };

/// The "type" of a part of a reply that failed.
const ERROR_TYPE: i32 = -1;

impl<'a> Record<'a> for MultiHeader {
    fn encode(&self, out: &mut BytesMut) {
        out.put_int(self.kind);
        out.put_bool(self.done);
        out.put_int(self.error);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { kind: input.int()?, done: input.bool()?, error: input.int()? })
    }
}

/// A write inside a multi.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WritePart<'a> {
    /// Answered with a path.
    Create(Create<'a>),
    /// Answered with a path and a stat.
    Create2(Create<'a>),
    /// Answered as [`WritePart::Create2`].
    CreateContainer(Create<'a>),
    /// Answered as [`WritePart::Create2`].
    CreateTtl(CreateTtl<'a>),
    /// Deletes.
    Delete(PathVersion<'a>),
    /// Answered with a stat.
    SetData(SetData<'a>),
    /// Fails unless the version is as given.
    Check(PathVersion<'a>),
}

impl<'a> WritePart<'a> {
    fn op(&self) -> OpCode {
        match self {
            WritePart::Create(_) => OpCode::Create,
            WritePart::Create2(_) => OpCode::Create2,
            WritePart::CreateContainer(_) => OpCode::CreateContainer,
            WritePart::CreateTtl(_) => OpCode::CreateTtl,
            WritePart::Delete(_) => OpCode::Delete,
            WritePart::SetData(_) => OpCode::SetData,
            WritePart::Check(_) => OpCode::Check,
        }
    }

    fn encode(&self, out: &mut BytesMut) {
        match self {
            WritePart::Create(create) | WritePart::Create2(create) | WritePart::CreateContainer(create) => {
                create.encode(out);
            }
            WritePart::CreateTtl(create) => create.encode(out),
            WritePart::Delete(at) | WritePart::Check(at) => at.encode(out),
            WritePart::SetData(set) => set.encode(out),
        }
    }

    fn decode(op: OpCode, input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match op {
            OpCode::Create => WritePart::Create(input.record()?),
            OpCode::Create2 => WritePart::Create2(input.record()?),
            OpCode::CreateContainer => WritePart::CreateContainer(input.record()?),
            OpCode::CreateTtl => WritePart::CreateTtl(input.record()?),
            OpCode::Delete => WritePart::Delete(input.record()?),
            OpCode::SetData => WritePart::SetData(input.record()?),
            OpCode::Check => WritePart::Check(input.record()?),
            other => return Err(DecodeError::NotInMulti { op: other.into() }),
        })
    }
}

/// Writes that happen all or not at all.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Multi<'a> {
    /// In the order they take effect.
    pub parts: Vec<WritePart<'a>>,
}

impl<'a> Record<'a> for Multi<'a> {
    fn encode(&self, out: &mut BytesMut) {
        for part in &self.parts {
            MultiHeader { kind: part.op().into(), done: false, error: -1 }.encode(out);
            part.encode(out);
        }
        END.encode(out);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { parts: decode_parts(input, WritePart::decode)? })
    }
}

/// A read inside a multi. Its `watch` field has no effect.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ReadPart<'a> {
    /// Answered with data and a stat.
    GetData(PathWatch<'a>),
    /// Answered with names.
    GetChildren(PathWatch<'a>),
}

impl<'a> ReadPart<'a> {
    fn decode(op: OpCode, input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(match op {
            OpCode::GetData => ReadPart::GetData(input.record()?),
            OpCode::GetChildren => ReadPart::GetChildren(input.record()?),
            other => return Err(DecodeError::NotInMulti { op: other.into() }),
        })
    }
}

/// Reads that see one state of the tree and fail one by one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MultiRead<'a> {
    /// In the order of the answers.
    pub parts: Vec<ReadPart<'a>>,
}

impl<'a> Record<'a> for MultiRead<'a> {
    fn encode(&self, out: &mut BytesMut) {
        for part in &self.parts {
            let (op, read) = match part {
                ReadPart::GetData(read) => (OpCode::GetData, read),
                ReadPart::GetChildren(read) => (OpCode::GetChildren, read),
            };
            MultiHeader { kind: op.into(), done: false, error: -1 }.encode(out);
            read.encode(out);
        }
        END.encode(out);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        Ok(Self { parts: decode_parts(input, ReadPart::decode)? })
    }
}

/// The answer to one part of a multi.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PartReply<'a> {
    /// Created.
    Create(&'a str),
    /// Created, with its stat.
    Create2(&'a str, Stat),
    /// Deleted.
    Delete,
    /// Set.
    SetData(Stat),
    /// The version was as given.
    Check,
    /// What was read.
    GetData(Option<&'a [u8]>, Stat),
    /// What was read.
    GetChildren(Vec<&'a str>),
    /// This part failed ([`ErrorCode::OK`] when it is another part that did, further on).
    Error(ErrorCode),
}

impl<'a> PartReply<'a> {
    fn op(&self) -> i32 {
        match self {
            PartReply::Create(_) => OpCode::Create.into(),
            PartReply::Create2(..) => OpCode::Create2.into(),
            PartReply::Delete => OpCode::Delete.into(),
            PartReply::SetData(_) => OpCode::SetData.into(),
            PartReply::Check => OpCode::Check.into(),
            PartReply::GetData(..) => OpCode::GetData.into(),
            PartReply::GetChildren(_) => OpCode::GetChildren.into(),
            PartReply::Error(_) => ERROR_TYPE,
        }
    }
}

impl<'a> Record<'a> for PartReply<'a> {
    fn encode(&self, out: &mut BytesMut) {
        let error = if let PartReply::Error(code) = self { code.0 } else { 0 };
        MultiHeader { kind: self.op(), done: false, error }.encode(out);
        match self {
            PartReply::Create(path) => out.put_string(path),
            PartReply::Create2(path, stat) => {
                out.put_string(path);
                stat.encode(out);
            }
            PartReply::Delete | PartReply::Check => {}
            PartReply::SetData(stat) => stat.encode(out),
            PartReply::GetData(data, stat) => {
                out.put_buffer(*data);
                stat.encode(out);
            }
            PartReply::GetChildren(names) => out.put_vector(names, |out, name| out.put_string(name)),
            PartReply::Error(code) => out.put_int(code.0),
        }
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let header: MultiHeader = input.record()?;
        Self::decode_body(header.kind, input)
    }
}

impl<'a> PartReply<'a> {
    fn decode_body(kind: i32, input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        if kind == ERROR_TYPE {
            return Ok(PartReply::Error(ErrorCode(input.int()?)));
        }
        Ok(match OpCode::from(kind) {
            OpCode::Create => PartReply::Create(input.string()?),
            OpCode::Create2 => PartReply::Create2(input.string()?, input.record()?),
            OpCode::Delete => PartReply::Delete,
            OpCode::SetData => PartReply::SetData(input.record()?),
            OpCode::Check => PartReply::Check,
            OpCode::GetData => PartReply::GetData(input.buffer()?, input.record()?),
            OpCode::GetChildren => PartReply::GetChildren(input.strings()?),
            other => return Err(DecodeError::NotInMulti { op: other.into() }),
        })
    }
}

/// The answer to a multi: one for each part, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MultiReply<'a> {
    /// The answers.
    pub parts: Vec<PartReply<'a>>,
}

impl<'a> MultiReply<'a> {
    /// Ends a reply whose parts were written one by one.
    pub fn put_end(out: &mut BytesMut) {
        END.encode(out);
    }
}

impl<'a> Record<'a> for MultiReply<'a> {
    fn encode(&self, out: &mut BytesMut) {
        for part in &self.parts {
            part.encode(out);
        }
        Self::put_end(out);
    }

    fn decode(input: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let mut parts = Vec::new();
        loop {
            let header: MultiHeader = input.record()?;
            if header.done {
                return Ok(Self { parts });
            }
            parts.push(PartReply::decode_body(header.kind, input)?);
        }
    }
}

fn decode_parts<'a, T>(
    input: &mut Reader<'a>,
    part: impl Fn(OpCode, &mut Reader<'a>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, DecodeError> {
    let mut parts = Vec::new();
    loop {
        let header: MultiHeader = input.record()?;
        if header.done {
            return Ok(parts);
        }
        parts.push(part(header.kind.into(), input)?);
    }
}
