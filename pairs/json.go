package pairs

import (
	"cmp"
	"encoding/base64"
	"slices"
)

// A jsonKind is what a value is.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonBool
	jsonNumber
	jsonString
	jsonArray
	jsonObject
	jsonBinary // bytes of a Parquet column that are no text; written as base64
)

// String names the kind as messages do.
func (k jsonKind) String() string {
	return [...]string{"null", "a boolean", "a number", "text", "a list", "an object", "binary data"}[k]
}

// A value is one JSON value: unlike encoding/json's, with the members of objects in their order and numbers as they were written.
// The zero value is null.
type value struct {
	kind    jsonKind
	text    string   // of strings (decoded), binary data, numbers and booleans
	elems   []value  // of arrays
	members []member // of objects, in order
}

type member struct {
	name  string
	value value
}

func textValue(s string) value            { return value{kind: jsonString, text: s} }
func arrayValue(elems ...value) value     { return value{kind: jsonArray, elems: elems} }
func objectValue(members ...member) value { return value{kind: jsonObject, members: members} }
func (v value) is(k jsonKind) bool        { return v.kind == k }
func (v value) get(name string) (value, bool) {
	for _, m := range v.members {
		if m.name == name {
			return m.value, true
		}
	}
	return value{}, false
}

// empty reports whether v holds nothing: null, "", [], {}, or a list of such.
func (v value) empty() bool {
	switch v.kind {
	case jsonNull:
		return true
	case jsonString, jsonBinary:
		return v.text == ""
	case jsonArray:
		return !slices.ContainsFunc(v.elems, func(e value) bool { return !e.empty() })
	case jsonObject:
		return len(v.members) == 0
	}
	return false
}

// compact writes v as JSON without white space, members in their order.
func (v value) compact() string { return string(v.append(nil, inOrder)) }

// canonical writes v as JSON without white space, members sorted by name at every depth. Numbers keep their text.
func (v value) canonical() string { return string(v.append(nil, sorted)) }

// A memberOrder is the order in which an object's members are written.
type memberOrder int

const (
	inOrder memberOrder = iota
	sorted
)

func (v value) append(b []byte, order memberOrder) []byte {
	switch v.kind {
	case jsonNull:
		return append(b, "null"...)
	case jsonString:
		return appendString(b, v.text)
	case jsonBinary:
		return appendString(b, base64.StdEncoding.EncodeToString([]byte(v.text)))
	case jsonArray:
		b = append(b, '[')
		for i, e := range v.elems {
			if i > 0 {
				b = append(b, ',')
			}
			b = e.append(b, order)
		}
		return append(b, ']')
	case jsonObject:
		members := v.members
		if order == sorted {
			members = slices.SortedStableFunc(slices.Values(members), func(a, b member) int { return cmp.Compare(a.name, b.name) })
		}
		b = append(b, '{')
		for i, m := range members {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendString(b, m.name)
			b = append(b, ':')
			b = m.value.append(b, order)
		}
		return append(b, '}')
	}
	return append(b, v.text...)
}

// appendString writes s as a JSON string: only what must be escaped is.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(b, s[from:]...), '"')
}
