//! The specifications of a project: fields as given, gaps filled from the text.
//!
//! A value that only the text gives is listed in `extracted`, so a person
//! can see how it was understood.

use serde_json::Map;
use serde_json::Value;

use crate::audit::chemistry_text;
use crate::audit::elements;
use crate::audit::elements::Element;
use crate::audit::elements::Shape;
use crate::audit::elements::fold;
use crate::audit::finding::readable;
use crate::audit::finding::rounded;
use crate::audit::mix_text;
use crate::audit::ruleset::Agent;
use crate::audit::ruleset::Converted;
use crate::audit::ruleset::shared;
use crate::audit::scan::Token;
use crate::audit::scan::scan;
use crate::audit::strength;
use crate::audit::strength::Named;
use crate::audit::text;
use crate::sheet::Dimensions;
use crate::sheet::number_of;
use crate::sheet::text_of;
use crate::sheet::texts_of;

/// What is specified for the concrete and its surroundings.
#[derive(Debug, Default)]
pub struct Specification {
    /// The element that the fields are about, if they name one.
    pub element: Option<&'static Element>,
    /// The only element that the text names.
    pub text_element: Option<&'static Element>,
    /// Dimensions of that element.
    pub dimensions: Dimensions,
    /// Pieces of that size.
    pub count: f64,
    /// Strength class.
    pub strength: Option<Named>,
    /// Exposure classes, upper case.
    pub exposures: Vec<String>,
    /// Water-cement ratio.
    pub w_c: PerElement,
    /// Kind of cement.
    pub cement_type: PerElement,
    /// Cement content.
    pub cement: PerElement,
    /// Air content.
    pub air: PerElement,
    /// Nominal cover.
    pub cover: PerElement,
    /// Design working life.
    pub life_years: Option<f64>,
    /// Structural class, "S4".
    pub structural_class: Option<String>,
    /// Measured agents of chemical attack.
    pub measured: Vec<Measured>,
    /// Standards that the project follows.
    pub standards: Vec<String>,
    /// What was read from the text alone.
    pub extracted: Map<String, Value>,
}

/// A value for all, or one per element.
#[derive(Debug, Default)]
pub struct PerElement {
    all: Option<Value>,
    by: Vec<(&'static Element, Value)>,
}

/// An agent and its measured value.
#[derive(Debug)]
pub struct Measured {
    /// Which agent.
    pub agent: &'static Agent,
    /// How much of it.
    pub value: f64,
    /// As the laboratory stated it, if in another way: "SO3 375 mg/l x 1.2".
    pub stated: Option<String>,
}

impl PerElement {
    fn read(value: Option<&Value>) -> PerElement {
        match value {
            Some(Value::Object(map)) => {
                let entry = |(key, value): (&String, &Value)| {
                    Some((*elements::elements_in(&fold(key)).first()?, value.clone()))
                };
                PerElement { all: None, by: map.iter().filter_map(entry).collect() }
            }
            other => PerElement { all: other.filter(|value| !value.is_null()).cloned(), by: Vec::new() },
        }
    }

    fn value(&self, of: &[&'static Element]) -> Option<&Value> {
        let own = self.by.iter().find(|(element, _)| of.iter().any(|one| same(one, element)));
        own.map(|(_, value)| value).or(self.all.as_ref())
    }

    /// The number for these elements.
    pub fn number(&self, of: &[&'static Element]) -> Option<f64> {
        number_of(self.value(of))
    }

    /// The text for these elements.
    pub fn text(&self, of: &[&'static Element]) -> Option<String> {
        text_of(self.value(of))
    }

    /// Whether each element has its own value.
    pub fn is_per_element(&self) -> bool {
        !self.by.is_empty()
    }

    /// Whether nothing is given.
    pub fn is_empty(&self) -> bool {
        self.all.is_none() && self.by.is_empty()
    }
}

/// Whether two kinds may be one: "foundation" is any of the foundations.
pub fn same(one: &Element, other: &Element) -> bool {
    let general =
        |a: &Element, b: &Element| a.id == "foundation" && b.ground == Some(elements::Ground::Foundation);
    one.id == other.id || general(one, other) || general(other, one)
}

impl Specification {
    /// Reads the fields, then the text for what they leave out.
    pub fn read(map: &Map<String, Value>, question: &str) -> Specification {
        let mut spec = Specification {
            element: text_of(map.get("element")).and_then(|name| first_element(&name)),
            dimensions: Dimensions::read(map.get("dimensions_m")),
            count: number_of(map.get("count")).unwrap_or(1.0),
            strength: text_of(map.get("concrete_class")).map(|name| read_strength(&name)),
            exposures: exposures_of(&texts_of(map.get("exposure_classes"))),
            w_c: PerElement::read(map.get("w_c_ratio")),
            cement_type: PerElement::read(map.get("cement_type")),
            cement: PerElement::read(map.get("cement_kg_m3")),
            air: PerElement::read(map.get("air_content_percent")),
            cover: PerElement::read(map.get("cover_mm")),
            life_years: number_of(map.get("design_life_years")),
            structural_class: text_of(map.get("structural_class")).map(|class| class.to_uppercase()),
            measured: analysed(map),
            standards: texts_of(map.get("standards")),
            ..Specification::default()
        };
        spec.fill_from(&scan(question), &fold(question));
        spec
    }

    fn fill_from(&mut self, tokens: &[Token], words: &[String]) {
        if let [only] = elements::all_elements_in(words)[..] {
            self.text_element = Some(only);
        }
        self.fill_sizes(tokens);
        let classes = strength::named_in(tokens);
        if let (None, [only]) = (&self.strength, &classes[..]) {
            self.extract("concrete_class", only.name());
            self.strength = Some(only.clone());
        }
        let exposures = text::exposures(tokens);
        if self.exposures.is_empty() && !exposures.is_empty() {
            self.extract("exposure_classes", exposures.clone());
            self.exposures = exposures;
        }
        for agent in &shared().xa {
            let known = self.measured.iter().any(|measured| std::ptr::eq(measured.agent, agent));
            if let (false, Some(measured)) = (known, chemistry_text::measured(tokens, agent)) {
                self.extract(&agent.field, rounded(measured.value));
                self.measured.push(measured);
            }
        }
        let air = elements::speaks_of(words, "no_air").then_some(0.0).or_else(|| mix_text::air(tokens));
        let numbers = [
            ("w_c_ratio", self.w_c.is_empty(), mix_text::w_c(tokens)),
            ("cover_mm", self.cover.is_empty(), mix_text::cover_mm(tokens)),
            ("cement_kg_m3", self.cement.is_empty(), mix_text::cement(tokens)),
            ("air_content_percent", self.air.is_empty(), air),
            ("design_life_years", self.life_years.is_none(), mix_text::life_years(tokens)),
        ];
        for (key, is_open, value) in numbers {
            let Some(value) = value.filter(|_| is_open).map(rounded) else { continue };
            self.extract(key, value.clone());
            if key == "design_life_years" {
                self.life_years = value.as_f64();
                continue;
            }
            let all = PerElement { all: Some(value), by: Vec::new() };
            match key {
                "cement_kg_m3" => self.cement = all,
                "w_c_ratio" => self.w_c = all,
                "cover_mm" => self.cover = all,
                _ => self.air = all,
            }
        }
    }

    fn fill_sizes(&mut self, tokens: &[Token]) {
        let Some(sizes) = text::sizes(tokens).filter(|_| self.dimensions.is_empty()) else { return };
        let element = self.element.or(self.text_element);
        // "A hall 60 m long, 30 m wide, 8 m high" is no piece of concrete.
        if sizes.factors.is_empty() && element.is_none() {
            return;
        }
        self.dimensions = measured(&sizes, element.and_then(|element| element.shape));
        if self.dimensions.is_empty() {
            return;
        }
        self.count = sizes.count.unwrap_or(1.0);
        let Dimensions { length, width, height, diameter } = self.dimensions;
        let named = [("length", length), ("width", width), ("height", height), ("diameter", diameter)];
        for (key, value) in named {
            if let Some(value) = value {
                self.extract(key, rounded(value));
            }
        }
        if self.count != 1.0 {
            self.extract("count", rounded(self.count));
        }
        if let Some(volume) = self.dimensions.volume() {
            self.extract("volume_m3", rounded(volume * self.count));
        }
    }

    fn extract(&mut self, key: &str, value: impl Into<Value>) {
        self.extracted.insert(key.to_owned(), value.into());
    }

    /// The element that classes are specified for; what the text says is said of the element it names.
    pub fn meant_element(&self) -> Option<&'static Element> {
        let by_text = self.extracted.contains_key("exposure_classes");
        self.element.or(self.text_element.filter(|_| by_text))
    }

    /// Whether the fields or the text say anything of concrete.
    pub fn has_concrete(&self) -> bool {
        self.strength.is_some() || !self.exposures.is_empty()
    }
}

/// What sizes of a text mean for this shape; nothing when they are no whole body.
pub fn measured(sizes: &text::Sizes, shape: Option<Shape>) -> Dimensions {
    match (sizes.three(), sizes.round()) {
        (Some(three), _) => placed(three, shape),
        (None, Some((diameter, length))) => {
            Dimensions { length: Some(length), diameter: Some(diameter), ..Dimensions::default() }
        }
        (None, None) => Dimensions::default(),
    }
}

/// Three sizes in the order in which the shape means them.
pub fn placed(three: [f64; 3], shape: Option<Shape>) -> Dimensions {
    let [a, b, c] = three;
    let dimensions = |length, width, height| Dimensions {
        length: Some(length),
        width: Some(width),
        height: Some(height),
        diameter: None,
    };
    let mut sorted = three;
    sorted.sort_by(f64::total_cmp);
    let [small, middle, large] = sorted;
    match shape {
        // The last one is the thickness only if it is the smallest; the others stay as written.
        Some(Shape::Slab | Shape::Raft) if c > small => dimensions(large, middle, small),
        Some(Shape::Wall | Shape::Wing) => {
            let mut faces = three.into_iter().collect::<Vec<_>>();
            faces.remove(three.iter().position(|size| *size == small).unwrap_or(0));
            dimensions(faces[0], small, faces[1])
        }
        Some(Shape::Column) => dimensions(middle, small, large),
        Some(Shape::Beam) if b > a => dimensions(b, a, c),
        _ => dimensions(a, b, c),
    }
}

/// The element that a name means.
pub fn first_element(name: &str) -> Option<&'static Element> {
    elements::elements_in(&fold(name)).first().copied()
}

/// A strength class from a field that holds nothing else.
pub fn read_strength(name: &str) -> Named {
    let tokens = scan(name);
    strength::named_in(&tokens)
        .into_iter()
        .next()
        .or_else(|| strength::legacy_in(&tokens))
        .unwrap_or_else(|| Named::Unknown(name.to_owned()))
}

/// Exposure classes from a field; what is no class stays as written.
pub fn exposures_of(texts: &[String]) -> Vec<String> {
    let mut classes: Vec<String> = Vec::new();
    for text in texts {
        let mut found = text::exposures(&scan(text));
        if found.is_empty() {
            found.push(text.trim().to_uppercase());
        }
        classes.extend(found);
    }
    let mut seen = Vec::new();
    classes.retain(|class| {
        !seen.contains(class) && {
            seen.push(class.clone());
            true
        }
    });
    classes
}

/// What the fields give of each agent: itself first, then SO3 and S as SO4.
fn analysed(map: &Map<String, Value>) -> Vec<Measured> {
    let field = |medium: &str, name: &str| {
        let medium = map.get(medium)?.as_object()?;
        number_of(medium.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
    };
    let of = |agent: &'static Agent| {
        let own = field(&agent.medium, &agent.field).map(|value| Measured { agent, value, stated: None });
        own.or_else(|| {
            let others = shared().converted.iter().filter(|other| other.of == agent.field);
            others
                .into_iter()
                .find_map(|other| Some(other.measured(agent, field(&agent.medium, &other.field)?)))
        })
    };
    shared().xa.iter().filter_map(of).collect()
}

impl Converted {
    /// The agent that this much of it is.
    pub fn measured(&self, agent: &'static Agent, value: f64) -> Measured {
        let stated = format!("{} {} {} x {}", self.name, readable(value), agent.unit, readable(self.factor));
        Measured { agent, value: value * self.factor, stated: Some(stated) }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_text_fills_what_the_fields_leave_out() {
        let spec =
            Specification::read(&Map::new(), "Garage floor slab 6 m × 9 m, 200 mm thick, C25/30, outdoors.");
        let expected =
            json!({"length": 6, "width": 9, "height": 0.2, "volume_m3": 10.8, "concrete_class": "C25/30"});
        assert_eq!(Value::from(spec.extracted), expected);
        assert_eq!(spec.text_element.map(|element| element.id.as_str()), Some("slab"));
    }

    #[test]
    fn a_czech_mark_of_concrete_is_read_as_it_is_written() {
        for text in [
            "C 30 / 37 - XC4, XF1 (CZ, F.1) - Cl 0,2 - Dmax 22 - S3",
            "C30/37-XC4+XF1 (CZ, F.1) – Cl 0,2 – Dmax 22 – S3",
            "beton C 30/37 XC 4, XF 1, v/c max. 0,50",
        ] {
            let spec = Specification::read(&Map::new(), text);
            assert_eq!(spec.strength.as_ref().map(Named::name), Some("C30/37"), "{text}");
            assert_eq!(spec.exposures, ["XC4", "XF1"], "{text}");
            assert!(spec.dimensions.is_empty() && spec.measured.is_empty(), "{text}");
        }
        let hall = Specification::read(&Map::new(), "A hall 60 m long, 30 m wide, 8 m high");
        assert!(hall.dimensions.is_empty());
        let pad = Specification::read(&Map::new(), "Základová patka délky 2 m, šířky 1,5 m, výšky 0,8 m");
        assert_eq!(pad.dimensions.all(), Some((2.0, 1.5, 0.8)));
        let both = Specification::read(&Map::new(), "stěny C25/30, desky C30/37");
        assert!(both.strength.is_none(), "two classes are none for the whole");
    }

    #[test]
    fn one_value_may_stand_for_each_element() {
        let map = json!({"cover_mm": {"wall": 40, "základová deska": "50"}, "air_content_percent": "5,0"});
        let spec = Specification::read(map.as_object().unwrap(), "");
        let of = |id| elements::element(id).unwrap();
        assert_eq!(spec.cover.number(&[of("wall")]), Some(40.0));
        assert_eq!(spec.cover.number(&[of("raft")]), Some(50.0));
        assert_eq!(spec.cover.number(&[of("slab")]), None);
        assert_eq!(spec.air.number(&[of("slab")]), Some(5.0));
    }

    #[test]
    fn sizes_stand_where_the_shape_means_them() {
        let all = |three, shape| placed(three, Some(shape)).all();
        assert_eq!(all([45.0, 0.8, 0.6], Shape::Footing), Some((45.0, 0.8, 0.6)));
        assert_eq!(all([0.2, 6.0, 9.0], Shape::Slab), Some((9.0, 6.0, 0.2)));
        assert_eq!(all([12.0, 3.0, 0.3], Shape::Wall), Some((12.0, 0.3, 3.0)));
        assert_eq!(all([0.4, 0.5, 3.0], Shape::Column), Some((0.5, 0.4, 3.0)));
    }
}
