package jinja

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"unicode"

	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// filters are Jinja's own, but for random, urlize, pprint, striptags and wordwrap, which no chat template uses, and tojson, which transformers replaces.
var filters = map[string]Filter{
	"abs": abs, "attr": attr, "batch": batch, "capitalize": method("capitalize"), "center": center, "count": length, "d": defaulted,
	"default": defaulted, "dictsort": dictSort, "e": escape, "escape": escape, "filesizeformat": fileSize, "first": first,
	"float": toFloat, "forceescape": forceEscape, "format": format, "groupby": groupBy, "indent": indent, "int": toInt, "items": items,
	"join": join, "last": last, "length": length, "list": toList, "lower": method("lower"), "map": mapped, "max": extreme(">"),
	"min": extreme("<"), "reject": selecting("reject", false, false), "rejectattr": selecting("rejectattr", false, true),
	"replace": replace, "reverse": reverse, "round": round, "safe": safe, "select": selecting("select", true, false),
	"selectattr": selecting("selectattr", true, true), "slice": slices_, "sort": sorted, "string": toString, "sum": sum, "title": title,
	"trim": trim, "truncate": truncate, "unique": unique, "upper": method("upper"), "urlencode": urlEncode, "wordcount": wordCount,
	"xmlattr": xmlAttr,
}

// softText is soft_str: text stays as it is, Markup included, anything else becomes str.
func softText(r *Run, v py.Value) py.Value {
	if _, ok := py.Text(v); ok {
		return v
	}
	return r.VM.Str(v)
}

// retext gives text the type of what it was made from.
func retext(from py.Value, text string) py.Value {
	if _, ok := from.(py.Markup); ok {
		return py.Markup(text)
	}
	return text
}

// method is a filter that is a method of str without arguments.
func method(name string) Filter {
	return func(r *Run, v py.Value, a py.Args) py.Value {
		a.Bind(name)
		m, _ := r.VM.Attr(softText(r, v), name)
		return r.VM.Call(m, py.Args{})
	}
}

func trim(r *Run, v py.Value, a py.Args) py.Value {
	m, _ := r.VM.Attr(softText(r, v), "strip")
	chars := a.Bind("trim", "chars?")[0]
	if chars == nil {
		chars = py.None
	}
	return r.VM.Call(m, py.Args{Pos: []py.Value{chars}})
}

func toString(r *Run, v py.Value, a py.Args) py.Value {
	a.Bind("string")
	return softText(r, v)
}

func safe(r *Run, v py.Value, a py.Args) py.Value {
	a.Bind("safe")
	return py.Markup(r.VM.Str(v))
}

func escape(r *Run, v py.Value, a py.Args) py.Value {
	a.Bind("escape")
	return r.VM.Escape(v)
}

func forceEscape(r *Run, v py.Value, a py.Args) py.Value {
	a.Bind("forceescape")
	return r.VM.Escape(r.VM.Str(v))
}

func replace(r *Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("replace", "old", "new", "count?")
	count := int64(-1)
	if p[2] != nil && p[2] != py.None {
		count = r.VM.Index(p[2])
	}
	return r.VM.Replace(r.VM.Str(v), r.VM.Str(p[0]), r.VM.Str(p[1]), count)
}

func defaulted(r *Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("default", "default_value?", "boolean?")
	_, undefined := v.(*py.Undefined)
	if !undefined && (!r.VM.Truth(p[1]) || r.VM.Truth(v)) {
		return v
	}
	if p[0] == nil {
		return ""
	}
	return p[0]
}

func length(r *Run, v py.Value, a py.Args) py.Value {
	a.Bind("length")
	n, ok := r.VM.Len(v)
	if !ok {
		py.Throw("TypeError", "object of type '%s' has no len()", py.TypeName(v))
	}
	return int64(n)
}

func abs(r *Run, v py.Value, a py.Args) py.Value {
	a.Bind("abs")
	if f, ok := v.(float64); ok {
		return math.Abs(f)
	}
	if !py.IsNumber(v) {
		py.Throw("TypeError", "bad operand type for abs(): '%s'", py.TypeName(v))
	}
	if r.VM.Compare("<", v, int64(0)) {
		return r.VM.Neg(v)
	}
	return r.VM.Pos(v)
}

func attr(r *Run, v py.Value, a py.Args) py.Value {
	name := a.Bind("attr", "name")[0]
	id, ok := py.Text(name)
	if !ok {
		py.Throw("TypeError", "attribute name must be string, not '%s'", py.TypeName(name))
	}
	if _, access := r.VM.Attr(v, id); access == py.Missing {
		return &py.Undefined{Obj: v, Name: id}
	}
	return r.VM.GetAttr(v, id)
}

func center(r *Run, v py.Value, a py.Args) py.Value {
	width := a.Bind("center", "width?")[0]
	if width == nil {
		width = int64(80)
	}
	m, _ := r.VM.Attr(softText(r, v), "center")
	return r.VM.Call(m, py.Args{Pos: []py.Value{width}})
}

func toInt(r *Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("int", "default?", "base?")
	fallback, base := p[0], 10
	if fallback == nil {
		fallback = int64(0)
	}
	if p[1] != nil {
		base = int(r.VM.Index(p[1]))
	}
	var f float64
	switch v := v.(type) {
	case *py.Undefined:
		v.Fail()
	case float64:
		f = v
	case string, py.Markup:
		text, _ := py.Text(v)
		if n, ok := r.VM.ParseInt(text, base); ok {
			return n
		}
		var ok bool
		if f, ok = py.ParseFloat(text); !ok {
			return fallback
		}
	default:
		if py.IsNumber(v) {
			return r.VM.Pos(v)
		}
		return fallback
	}
	if math.IsNaN(f) || math.IsInf(f, 0) {
		if _, isText := py.Text(v); !isText && math.IsInf(f, 0) {
			py.Throw("OverflowError", "cannot convert float infinity to integer")
		}
		return fallback
	}
	return py.Truncate(f)
}

func toFloat(r *Run, v py.Value, a py.Args) py.Value {
	fallback := a.Bind("float", "default?")[0]
	if fallback == nil {
		fallback = 0.0
	}
	switch v := v.(type) {
	case *py.Undefined:
		v.Fail()
	case string, py.Markup:
		text, _ := py.Text(v)
		if f, ok := py.ParseFloat(text); ok {
			return f
		}
		return fallback
	}
	if py.IsNumber(v) {
		return py.Float(v)
	}
	return fallback
}

func round(r *Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("round", "precision?", "method?")
	how, digits := "common", int64(0)
	if p[1] != nil {
		how = r.VM.Str(p[1])
	}
	if p[0] != nil {
		digits = r.VM.Index(p[0])
	}
	if how == "common" {
		return r.VM.Round(v, digits)
	}
	if how != "ceil" && how != "floor" {
		py.Throw("FilterArgumentError", "method must be common, ceil or floor")
	}
	scale := r.VM.Binary("**", int64(10), digits)
	scaled := py.Float(r.VM.Binary("*", v, scale))
	if how == "ceil" {
		scaled = math.Ceil(scaled)
	} else {
		scaled = math.Floor(scaled)
	}
	return r.VM.Binary("/", py.Truncate(scaled), scale)
}

func format(r *Run, v py.Value, a py.Args) py.Value {
	if len(a.Pos) > 0 && len(a.Kw) > 0 {
		py.Throw("FilterArgumentError", "can't handle positional and keyword arguments at the same time")
	}
	var with py.Value = py.NewTuple(a.Pos...)
	if len(a.Kw) > 0 {
		with = newDict(r.VM, py.Args{Kw: a.Kw})
	}
	return r.VM.Binary("%", softText(r, v), with)
}

// title is Jinja's: a word begins after a hyphen, white space or an opening bracket only, and after runs of them.
func title(r *Run, v py.Value, a py.Args) py.Value {
	a.Bind("title")
	text := r.VM.Str(v)
	r.VM.Build(2 * len(text))
	separates := func(c rune) bool { return py.IsSpace(c) || strings.ContainsRune("-({[<", c) }
	var b strings.Builder
	for text != "" {
		n := strings.IndexFunc(text, separates)
		if n == 0 {
			n = strings.IndexFunc(text, func(c rune) bool { return !separates(c) })
		}
		if n < 0 {
			n = len(text)
		}
		b.WriteString(py.TitleWord(text[:n]))
		text = text[n:]
	}
	return b.String()
}

func indent(r *Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("indent", "width?", "first?", "blank?")
	pad, isText := py.Text(p[0])
	switch {
	case p[0] == nil:
		pad = "    "
	case !isText:
		pad = r.VM.Str(r.VM.Binary("*", " ", p[0]))
	}
	text, ok := py.Text(r.VM.Binary("+", v, "\n"))
	if !ok {
		py.Throw("TypeError", "can only indent text")
	}
	lines := py.SplitLines(text, false)
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		r.VM.Build(len(line) + len(pad) + 1)
		if i == 0 && r.VM.Truth(p[1]) || i > 0 && (r.VM.Truth(p[2]) || line != "") {
			b.WriteString(pad)
		}
		b.WriteString(line)
	}
	return retext(v, b.String())
}

func truncate(r *Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("truncate", "length?", "killwords?", "end?", "leeway?")
	text, ok := py.Text(v)
	if !ok {
		py.Throw("TypeError", "object of type '%s' is no text", py.TypeName(v))
	}
	size, leeway, end := int64(255), int64(5), "..."
	if p[0] != nil {
		size = r.VM.Index(p[0])
	}
	if p[2] != nil {
		end = r.VM.Str(p[2])
	}
	if p[3] != nil && p[3] != py.None {
		leeway = r.VM.Index(p[3])
	}
	endSize, _ := r.VM.Len(end)
	if size < int64(endSize) || leeway < 0 {
		py.Throw("AssertionError", "expected length >= %d, got %d, and a leeway from 0", endSize, size)
	}
	if n, _ := r.VM.Len(text); size > math.MaxInt32 || int64(n) <= size+leeway {
		return v
	}
	cut := r.VM.Str(r.VM.Slice(text, py.None, size-int64(endSize), py.None))
	if !r.VM.Truth(p[1]) {
		if at := strings.LastIndexByte(cut, ' '); at >= 0 {
			cut = cut[:at]
		}
	}
	r.VM.Build(len(cut) + len(end))
	return retext(v, cut+end)
}

func wordCount(r *Run, v py.Value, a py.Args) py.Value {
	a.Bind("wordcount")
	text := r.VM.Str(v)
	r.VM.Scan(len(text))
	inWord := func(c rune) bool { return c == '_' || unicode.IsLetter(c) || unicode.IsNumber(c) }
	n, inside := int64(0), false
	for _, c := range text {
		if now := inWord(c); now != inside {
			inside = now
			if now {
				n++
			}
		}
	}
	return n
}

func fileSize(r *Run, v py.Value, a py.Args) py.Value {
	binary := r.VM.Truth(a.Bind("filesizeformat", "binary?")[0])
	size, ok := toFloat(r, v, py.Args{Pos: []py.Value{py.None}}).(float64)
	if !ok {
		py.Throw("ValueError", "could not convert to a number of bytes")
	}
	base, units := 1000.0, []string{"kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB"}
	if binary {
		base, units = 1024, []string{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}
	}
	if size == 1 {
		return "1 Byte"
	}
	if size < base {
		return r.VM.Str(py.Truncate(size)) + " Bytes"
	}
	unit := base
	for i, name := range units {
		if unit *= base; size < unit || i == len(units)-1 {
			return fmt.Sprintf("%.1f %s", base*size/unit, name)
		}
	}
	return ""
}

func xmlAttr(r *Run, v py.Value, a py.Args) py.Value {
	space := a.Bind("xmlattr", "autospace?")[0]
	d, ok := v.(*py.Dict)
	if !ok {
		py.Throw("AttributeError", "'%s' object has no attribute 'items'", py.TypeName(v))
	}
	text := ""
	for i := range d.Len() {
		key, value := d.Entry(i)
		if _, undefined := value.(*py.Undefined); undefined || value == py.None {
			continue
		}
		if name := r.VM.Str(key); strings.ContainsAny(name, " \t\n\r\f\v/>=") {
			py.Throw("ValueError", "Invalid character in attribute name: %s", r.VM.Repr(name))
		}
		text += " " + string(r.VM.Escape(key)) + `="` + string(r.VM.Escape(value)) + `"`
		r.VM.Build(len(text))
	}
	if space != nil && !r.VM.Truth(space) {
		text = strings.TrimPrefix(text, " ")
	}
	return text
}

func urlEncode(r *Run, v py.Value, a py.Args) py.Value {
	a.Bind("urlencode")
	if _, isText := py.Text(v); !isText {
		if d, ok := v.(*py.Dict); ok {
			v = d.Items()
		}
		if next, ok := r.VM.Iter(v); ok {
			var parts []string
			for item, more := next(); more; item, more = next() {
				pair := r.VM.Items(item)
				if len(pair) != 2 {
					py.Throw("ValueError", "%d values to unpack into 2 names", len(pair))
				}
				parts = append(parts, urlQuote(r, pair[0], "")+"="+urlQuote(r, pair[1], ""))
			}
			return strings.Join(parts, "&")
		}
	}
	return urlQuote(r, v, "/")
}

// urlQuote percent-encodes all but letters, digits, _.-~ and what is safe; as part of a query, where nothing is, a space is a plus.
func urlQuote(r *Run, v py.Value, safe string) string {
	text := r.VM.Str(v)
	r.VM.Build(3 * len(text))
	var b strings.Builder
	for _, c := range []byte(text) {
		switch {
		case c < 0x80 && (unicode.IsLetter(rune(c)) || decimal(c)) || slices.Contains([]byte("_.-~"+safe), c):
			b.WriteByte(c)
		case c == ' ' && safe == "":
			b.WriteByte('+')
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
