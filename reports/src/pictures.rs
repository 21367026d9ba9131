//! Pictures of guests' screens, for the page. Whoever calls has read them, or says why not: a picture is
//! the guest's doing, and its file is named by a journal that may come from anywhere.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use softoff_analyzer::Episode;

use crate::story::Story;
use crate::units::offset;
use crate::visible::visible;

/// Pictures by the name of their file, as in [`Evidence::picture`](softoff_analyzer::episode::Evidence).
#[derive(Debug, Default)]
pub struct Pictures(HashMap<String, Result<Vec<u8>, String>>);

impl Pictures {
    /// The picture of this name: a PNG, or why there is none.
    pub fn add(&mut self, file: &str, png: Result<Vec<u8>, String>) {
        self.0.insert(file.to_owned(), png);
    }

    /// Whether this name is known.
    pub fn has(&self, file: &str) -> bool {
        self.0.contains_key(file)
    }
}

/// A picture on the page, with everything that was seen while the screen looked like that.
#[derive(Debug)]
pub(crate) struct Shot {
    pub file: String,
    /// When it was looked at, and what it showed.
    pub caption: String,
    /// A `data:` address; or why there is none.
    pub picture: Result<String, String>,
}

/// The pictures of an episode, each once, in the order in which they were taken.
pub(crate) fn shots(episode: &Episode, story: &Story, pictures: &Pictures) -> Vec<Shot> {
    let mut looks: Vec<(&str, Vec<String>, &str)> = Vec::new();
    for (evidence, sighting) in episode.evidence.iter().zip(&story.evidence) {
        let Some(file) = evidence.picture.as_deref() else { continue };
        match looks.iter_mut().find(|(known, ..)| *known == file) {
            Some((_, times, _)) => times.push(offset(sighting.at)),
            None => looks.push((file, vec![offset(sighting.at)], &sighting.text)),
        }
    }
    looks.into_iter().map(|(file, times, text)| shot(file, &times, text, pictures)).collect()
}

fn shot(file: &str, times: &[String], text: &str, pictures: &Pictures) -> Shot {
    let picture = match pictures.0.get(file) {
        Some(Ok(png)) => Ok(format!("data:image/png;base64,{}", STANDARD.encode(png))),
        Some(Err(why)) => Err(visible(why).into_owned()),
        None => Err("it was not put into this page".to_owned()),
    };
    Shot { file: crate::story::shown(file), caption: format!("{}: {text}", times.join(", ")), picture }
}
