package config

import (
	"fmt"
	"reflect"
	"sort"
	"strconv"
	"strings"
	"time"
)

// A field is one option: a settable struct field with its names.
type field struct {
	key   string // learning_rate
	alias string // another name for it, or ""
	usage string
	v     reflect.Value
}

func flagName(key string) string { return strings.ReplaceAll(key, "_", "-") }
func envName(key string) string  { return "STEELYARD_" + strings.ToUpper(key) }

// keys are the names of the option.
func (f field) keys() []string {
	if f.alias == "" {
		return []string{f.key}
	}
	return []string{f.key, f.alias}
}

// fields lists the options of a pointer to a struct, those of embedded structs among them. It panics on a field of a type that no text
// can be read into.
func fields(options any) []field {
	v := reflect.ValueOf(options)
	if v.Kind() != reflect.Pointer || v.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("config: options are a %T, want a pointer to a struct", options))
	}
	return structFields(v.Elem())
}

func structFields(v reflect.Value) []field {
	var out []field
	for i := range v.NumField() {
		t := v.Type().Field(i)
		if t.Anonymous {
			out = append(out, structFields(v.Field(i))...)
			continue
		}
		key := t.Tag.Get("yaml")
		if key == "" || key == "-" {
			continue
		}
		f := field{key, t.Tag.Get("alias"), t.Tag.Get("usage"), v.Field(i)}
		if kind(f.v) == "" {
			panic(fmt.Sprintf("config: option %s has type %s", key, t.Type))
		}
		out = append(out, f)
	}
	return out
}

// kind is what a value is called in help and messages; empty for a type that is no option.
func kind(v reflect.Value) string {
	if v.Type() == reflect.TypeFor[time.Duration]() {
		return "duration"
	}
	switch v.Kind() {
	case reflect.String:
		return "string"
	case reflect.Int, reflect.Int64, reflect.Uint64:
		return "int"
	case reflect.Float64:
		return "number"
	case reflect.Bool:
		return "bool"
	case reflect.Slice:
		switch v.Type().Elem().Kind() {
		case reflect.String:
			return "list"
		case reflect.Float64:
			return "numbers"
		}
	case reflect.Map:
		if v.Type() == reflect.TypeFor[map[string]string]() {
			return "name=value"
		}
	}
	return ""
}

// set reads text into the field.
func (f field) set(text string) error {
	var err error
	switch kind(f.v) {
	case "duration":
		var d time.Duration
		d, err = time.ParseDuration(text)
		f.v.SetInt(int64(d))
	case "string":
		f.v.SetString(text)
	case "int":
		if f.v.CanUint() {
			var n uint64
			n, err = strconv.ParseUint(text, 10, 64)
			f.v.SetUint(n)
			break
		}
		var n int64
		n, err = strconv.ParseInt(text, 10, 64)
		f.v.SetInt(n)
	case "number":
		var x float64
		x, err = strconv.ParseFloat(text, 64)
		f.v.SetFloat(x)
	case "bool":
		var b bool
		b, err = strconv.ParseBool(text)
		f.v.SetBool(b)
	case "list":
		f.v.Set(reflect.ValueOf(list(text)).Convert(f.v.Type()))
	case "numbers":
		var xs []float64
		for _, entry := range list(text) {
			x, err := strconv.ParseFloat(entry, 64)
			if err != nil {
				return fmt.Errorf("%q is no number", entry)
			}
			xs = append(xs, x)
		}
		f.v.Set(reflect.ValueOf(xs))
	case "name=value":
		m := map[string]string{}
		for _, entry := range list(text) {
			name, value, ok := strings.Cut(entry, "=")
			if !ok || name == "" || value == "" {
				return fmt.Errorf("%q is not of the form name=value", entry)
			}
			m[name] = value
		}
		f.v.Set(reflect.ValueOf(m))
	}
	if err != nil {
		return fmt.Errorf("%q is no %s", text, kind(f.v))
	}
	return nil
}

// list cuts text at commas.
func list(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

// text is the field's value as set reads it.
func (f field) text() string {
	switch kind(f.v) {
	case "list":
		return strings.Join(f.v.Convert(reflect.TypeFor[[]string]()).Interface().([]string), ",")
	case "numbers":
		var out []string
		for _, x := range f.v.Interface().([]float64) {
			out = append(out, strconv.FormatFloat(x, 'g', -1, 64))
		}
		return strings.Join(out, ",")
	case "name=value":
		var out []string
		for name, value := range f.v.Interface().(map[string]string) {
			out = append(out, name+"="+value)
		}
		sort.Strings(out)
		return strings.Join(out, ",")
	}
	return fmt.Sprint(f.v.Interface())
}
