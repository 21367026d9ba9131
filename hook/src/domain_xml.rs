//! The two facts the hook takes from the domain's XML, read as a stream.
//!
//! `/domain/uuid`, and the libosinfo id that virt-install and virt-manager leave in
//! `/domain/metadata/libosinfo/os/@id`. The document may be of any size and anybody who may define a
//! domain decides what is in its metadata: nothing is expanded, nothing is kept but these two, and
//! reading ends as soon as both are known or can no longer come.

use std::io::BufRead;

use quick_xml::Reader;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use uuid::Uuid;

/// The longest libosinfo id that is recorded, in bytes.
const LONGEST_ID: usize = 512;

/// More text than this is no UUID, in bytes.
const LONGEST_UUID: usize = 64;

/// What a domain's XML says about its identity.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `/domain/uuid`.
    pub uuid: Option<Uuid>,
    /// libosinfo id of the guest operating system.
    pub os: Option<String>,
}

/// Why the XML was not read as far as was wanted. What was found before stands.
#[derive(Debug, thiserror::Error)]
pub enum Defect {
    /// It cannot be read, or is not well-formed.
    #[error("{0}")]
    Xml(#[from] quick_xml::Error),
    /// It ends, or its devices begin, and there was no UUID.
    #[error("it has no UUID")]
    NoUuid,
    /// The UUID is not one.
    #[error("its UUID is not one")]
    NotUuid,
    /// The libosinfo id is too long.
    #[error("its libosinfo id is longer than {LONGEST_ID} bytes")]
    LongId,
}

/// The elements on the way to what is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Element {
    Domain,
    Uuid,
    Metadata,
    Libosinfo,
    Os,
    Devices,
    Other,
}

use Element::{Devices, Domain, Libosinfo, Metadata, Os, Other, Uuid as UuidElement};

/// Reads until everything is known, and says what is not.
pub fn read(input: impl BufRead) -> (Identity, Result<(), Defect>) {
    let mut walk = Walk::default();
    let outcome = walk.run(input);
    (walk.identity, outcome)
}

/// The state of the one pass over the document.
#[derive(Default)]
struct Walk {
    identity: Identity,
    path: Vec<Element>,
    uuid_text: String,
}

impl Walk {
    fn run(&mut self, input: impl BufRead) -> Result<(), Defect> {
        let mut reader = Reader::from_reader(input);
        reader.config_mut().expand_empty_elements = true;
        let mut buffer = Vec::with_capacity(256);
        while !self.step(reader.read_event_into(&mut buffer)?)? {
            buffer.clear();
        }
        self.identity.uuid.map(drop).ok_or(Defect::NoUuid)
    }

    /// Takes one event. `true`: there is nothing more to learn.
    fn step(&mut self, event: Event<'_>) -> Result<bool, Defect> {
        match event {
            Event::Eof => return Ok(true),
            Event::Start(start) => return self.open(&start),
            Event::End(_) => return self.close(),
            Event::Text(text) => self.text(&text),
            Event::CData(text) => self.text(&text),
            Event::GeneralRef(reference) => self.reference(&reference)?,
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
        Ok(false)
    }

    fn open(&mut self, start: &BytesStart<'_>) -> Result<bool, Defect> {
        self.path.push(element(start));
        match self.path[..] {
            [Domain, Devices] => return Ok(true),
            [Domain, UuidElement] => self.uuid_text.clear(),
            [Domain, Metadata, Libosinfo, Os] if self.identity.os.is_none() => self.os(start)?,
            _ => {}
        }
        Ok(self.is_complete())
    }

    fn os(&mut self, start: &BytesStart<'_>) -> Result<(), Defect> {
        let Some(id) = start.try_get_attribute("id").map_err(quick_xml::Error::from)? else { return Ok(()) };
        if id.value.len() > LONGEST_ID {
            return Err(Defect::LongId);
        }
        self.identity.os = Some(id.normalized_value(quick_xml::XmlVersion::Implicit1_0)?.into_owned());
        Ok(())
    }

    fn text(&mut self, text: &str) {
        if self.path[..] == [Domain, UuidElement] && self.uuid_text.len() <= LONGEST_UUID {
            let room = text.floor_char_boundary(LONGEST_UUID + 1);
            self.uuid_text.push_str(&text[..room]);
        }
    }

    /// Only the references every XML document has are resolved: none of a document's own.
    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Defect> {
        match reference.resolve_char_ref()? {
            Some(char) => self.text(char.encode_utf8(&mut [0; 4])),
            None => self.text(resolve_xml_entity(reference).unwrap_or("\u{fffd}")),
        }
        Ok(())
    }

    fn close(&mut self) -> Result<bool, Defect> {
        match self.path[..] {
            [Domain, UuidElement] if self.identity.uuid.is_none() => {
                let uuid = Uuid::parse_str(self.uuid_text.trim()).map_err(|_| Defect::NotUuid)?;
                self.identity.uuid = Some(uuid);
            }
            // libvirt writes one metadata element, after the UUID.
            [Domain, Metadata] if self.identity.uuid.is_some() => return Ok(true),
            _ => {}
        }
        self.path.pop();
        Ok(self.is_complete())
    }

    fn is_complete(&self) -> bool {
        self.identity.uuid.is_some() && self.identity.os.is_some()
    }
}

/// Prefixes do not matter: the path says enough.
fn element(start: &BytesStart<'_>) -> Element {
    match start.local_name().as_ref() {
        "domain" => Domain,
        "uuid" => UuidElement,
        "metadata" => Metadata,
        "libosinfo" => Libosinfo,
        "os" => Os,
        "devices" => Devices,
        _ => Other,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const UUID: &str = "7b0f9ce1-2f3e-4f5b-9d4f-0a1b2c3d4e5f";
    const WIN: &str = "http://microsoft.com/win/2k22";

    fn os_metadata(id: &str) -> String {
        format!(
            r#"<metadata><libosinfo:libosinfo xmlns:libosinfo="http://libosinfo.org/xmlns/libvirt/domain/1.0"><libosinfo:os id="{id}"/></libosinfo:libosinfo></metadata>"#
        )
    }

    fn found(xml: &str) -> (Option<String>, Option<String>) {
        let (identity, _) = read(xml.as_bytes());
        (identity.uuid.map(|uuid| uuid.to_string()), identity.os)
    }

    fn known(uuid: &str, os: Option<&str>) -> (Option<String>, Option<String>) {
        (Some(uuid.to_owned()), os.map(str::to_owned))
    }

    #[test]
    fn uuid_and_operating_system_are_found() {
        let xml =
            format!("<domain type='kvm'>\n  <name>a</name>\n  <uuid>{UUID}</uuid>\n{}", os_metadata(WIN));
        assert_eq!(found(&xml), known(UUID, Some(WIN)));
    }

    #[test]
    fn only_the_domains_own_uuid_counts() {
        let other = "00000000-0000-4000-8000-000000000000";
        let xml = format!(
            "<domain><metadata><x:uuid xmlns:x='y'>{other}</x:uuid><domain><uuid>{other}</uuid></domain></metadata>\
             <name><uuid>{other}</uuid></name><!-- <uuid>{other}</uuid> --><uuid>{UUID}</uuid><devices/></domain>"
        );
        assert_eq!(found(&xml), known(UUID, None));
        assert_eq!(found(&format!("<pool><uuid>{other}</uuid></pool>")), (None, None));
    }

    #[test]
    fn references_are_resolved_and_entities_of_the_document_are_not() {
        let escaped = UUID.replacen('7', "&#x37;", 1).replacen('-', "<![CDATA[-]]>", 1);
        let xml = format!("<domain><uuid>{escaped}</uuid>{}", os_metadata("a&amp;b&#33;"));
        assert_eq!(found(&xml), known(UUID, Some("a&b!")));
        let bomb = format!(
            "<!DOCTYPE domain [<!ENTITY a 'x'><!ENTITY b '&a;&a;&a;&a;'>]><domain><title>&b;</title><uuid>{UUID}</uuid>\
             {}",
            os_metadata("&b;")
        );
        assert_eq!(found(&bomb), known(UUID, None));
    }

    #[test]
    fn a_document_that_breaks_off_keeps_what_was_there() {
        let xml = format!("<domain><uuid>{UUID}</uuid>{}<devices/></domain>", os_metadata(WIN));
        for end in 0..xml.len() {
            let (uuid, os) = found(&xml[..end]);
            assert!(uuid.is_none_or(|uuid| uuid == UUID) && os.is_none_or(|os| os == WIN), "cut at {end}");
        }
        let (identity, outcome) = read(&b"<domain><name>vm</name>"[..]);
        assert_eq!(identity, Identity::default());
        assert!(matches!(outcome, Err(Defect::NoUuid)), "{outcome:?}");
    }

    #[test]
    fn reading_ends_where_the_devices_begin() {
        let mut xml = std::io::Cursor::new(format!(
            "<domain><uuid>{UUID}</uuid><devices></mismatched>{}</devices></domain>",
            "<disk/>".repeat(100_000)
        ));
        let (identity, outcome) = read(&mut xml);
        assert!(identity.uuid.is_some() && outcome.is_ok(), "{outcome:?}");
        assert!(xml.position() < 100, "{}", xml.position());
    }

    #[test]
    fn a_huge_description_before_the_uuid_is_passed_over() {
        let xml =
            format!("<domain><description>{}</description><uuid>{UUID}</uuid>", "ä&lt;".repeat(100_000));
        assert_eq!(found(&xml), known(UUID, None));
    }

    #[test]
    fn a_uuid_or_id_out_of_bounds_is_refused() {
        let (_, outcome) = read(format!("<domain><uuid>{}</uuid>", "7".repeat(1_000_000)).as_bytes());
        assert!(matches!(outcome, Err(Defect::NotUuid)), "{outcome:?}");
        let long = os_metadata(&"x".repeat(LONGEST_ID + 1));
        let (identity, outcome) = read(format!("<domain><uuid>{UUID}</uuid>{long}").as_bytes());
        assert!(identity.uuid.is_some() && matches!(outcome, Err(Defect::LongId)), "{outcome:?}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes: Vec<u8>) {
            let _ = read(&bytes[..]);
        }

        #[test]
        fn any_markup_is_read_without_a_panic(
            parts in prop::collection::vec(
                prop::sample::select(vec![
                    "<domain>", "</domain>", "<uuid>", "</uuid>", UUID, "<metadata>", "</metadata>", "<libosinfo>",
                    "<os id='x'/>", "<os id=\"&b;\"/>", "<devices>", "&amp;", "&x;", "&#0;", "<![CDATA[", "]]>", "<!--",
                    "-->", "<!DOCTYPE", "<?", "?>", "<", ">", "'", "\"", "\0", "ä",
                ]),
                0..40,
            )
        ) {
            let _ = read(parts.concat().as_bytes());
        }
    }
}
