//! Values that come as text alone.

use serde::de::value::Error as Refused;

/// A value of a query or a form: text that becomes what the field asks for.
#[derive(Clone, Copy)]
pub(super) struct Text<'a>(pub(super) &'a str);

macro_rules! parsed {
    ($($method:ident => $visit:ident, $type:ty, $what:literal;)*) => {$(
        fn $method<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            match self.0.parse::<$type>() {
                Ok(value) => visitor.$visit(value),
                Err(_) => Err(serde::de::Error::custom(concat!("must be ", $what))),
            }
        }
    )*};
}

impl<'de> serde::Deserializer<'de> for Text<'de> {
    type Error = Refused;

    parsed! {
        deserialize_bool => visit_bool, bool, "true or false";
        deserialize_u16 => visit_u16, u16, "a whole number";
        deserialize_u32 => visit_u32, u32, "a whole number";
        deserialize_u64 => visit_u64, u64, "a whole number";
        deserialize_i64 => visit_i64, i64, "a whole number";
    }

    fn deserialize_any<V: serde::de::Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        visitor.visit_borrowed_str(self.0)
    }

    fn deserialize_option<V: serde::de::Visitor<'de>>(
        self,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: serde::de::Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        visitor.visit_enum(serde::de::IntoDeserializer::<Refused>::into_deserializer(
            self.0,
        ))
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i128 u8 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        seq tuple tuple_struct map struct identifier ignored_any
    }
}

impl<'de> serde::de::IntoDeserializer<'de, Refused> for Text<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}
