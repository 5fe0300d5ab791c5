package adapter

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
)

// A member is a key of a JSON object and its value as text.
type member struct {
	key   string
	value json.RawMessage
}

// members returns an object's keys in their order. A key that stands there twice is an error: readers differ in which they take.
func members(text []byte) ([]member, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return nil, errors.New("no JSON object")
	}
	var out []member
	seen := map[string]bool{}
	for dec.More() {
		t, err := dec.Token()
		if err != nil {
			return nil, err
		}
		m := member{key: fmt.Sprint(t)}
		if err := dec.Decode(&m.value); err != nil {
			return nil, fmt.Errorf("%s: %w", m.key, err)
		}
		if seen[m.key] {
			return nil, fmt.Errorf("%s stands there twice", m.key)
		}
		seen[m.key] = true
		out = append(out, m)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text behind the JSON object")
	}
	return out, nil
}

// off says whether a value turns its key off.
func off(value json.RawMessage) bool {
	return slices.Contains([]string{"null", "false", "{}", "[]", `""`}, string(value))
}

// abridged is a value for a message.
func abridged(value json.RawMessage) string {
	const most = 40
	if len(value) > most {
		return string(value[:most]) + "…"
	}
	return string(value)
}

// fields are the keys of a configuration, ticked off as they are read, and the faults found.
type fields struct {
	raw  map[string]json.RawMessage
	seen map[string]bool
	errs []error
}

func (f *fields) fail(format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf(format, args...))
}

// get returns the value of a key, or the default where it is absent or null.
func get[T any](f *fields, key string, absent T) T {
	f.seen[key] = true
	text, ok := f.raw[key]
	if !ok || string(text) == "null" {
		return absent
	}
	var v T
	if err := json.Unmarshal(text, &v); err != nil {
		f.fail("%s: %s is no %T", key, abridged(text), v)
		return absent
	}
	return v
}

// names reads target_modules or exclude_modules: a list, an expression, or null. An empty list is a list.
func (f *fields) names(key string) Names {
	if text := f.raw[key]; len(text) > 0 && text[0] == '"' {
		return Names{Expr: get(f, key, "")}
	}
	return Names{Ends: get(f, key, []string(nil))}
}

// ints reads a list of numbers, or one.
func (f *fields) ints(key string) []int {
	if text := f.raw[key]; len(text) > 0 && text[0] != '[' && string(text) != "null" {
		return []int{get(f, key, 0)}
	}
	return get(f, key, []int(nil))
}

// strings reads a list of strings, or one.
func (f *fields) strings(key string) []string {
	if text := f.raw[key]; len(text) > 2 && text[0] == '"' {
		return []string{get(f, key, "")}
	} else if string(text) == `""` {
		f.seen[key] = true
		return nil
	}
	return get(f, key, []string(nil))
}

// patterns reads an object of numbers in its order.
func (f *fields) patterns(key string) []Pattern {
	text := get(f, key, json.RawMessage("{}"))
	all, err := members(text)
	if err != nil {
		f.fail("%s: %w", key, err)
	}
	var out []Pattern
	for _, m := range all {
		var v *float64
		if err := json.Unmarshal(m.value, &v); err != nil || v == nil {
			f.fail("%s: %s is %s, no number", key, m.key, abridged(m.value))
			continue
		}
		out = append(out, Pattern{m.key, *v})
	}
	return out
}
