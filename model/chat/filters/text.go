package filters

import (
	"math"
	"strings"
	"unicode"

	"github.com/steelyard-ml/steelyard/model/chat/jinja"
	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// softText is soft_str: text stays as it is, Markup included, anything else becomes str.
func softText(r *jinja.Run, v py.Value) py.Value {
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
func method(name string) jinja.Filter {
	return func(r *jinja.Run, v py.Value, a py.Args) py.Value {
		a.Bind(name)
		m, _ := r.VM.Attr(softText(r, v), name)
		return r.VM.Call(m, py.Args{})
	}
}

func trim(r *jinja.Run, v py.Value, a py.Args) py.Value {
	m, _ := r.VM.Attr(softText(r, v), "strip")
	chars := a.Bind("trim", "chars?")[0]
	if chars == nil {
		chars = py.None
	}
	return r.VM.Call(m, py.Args{Pos: []py.Value{chars}})
}

func toString(r *jinja.Run, v py.Value, a py.Args) py.Value {
	a.Bind("string")
	return softText(r, v)
}

func replace(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("replace", "old", "new", "count?")
	count := int64(-1)
	if p[2] != nil && p[2] != py.None {
		count = r.VM.Index(p[2])
	}
	return r.VM.Replace(r.VM.Str(v), r.VM.Str(p[0]), r.VM.Str(p[1]), count)
}

func defaulted(r *jinja.Run, v py.Value, a py.Args) py.Value {
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

func length(r *jinja.Run, v py.Value, a py.Args) py.Value {
	a.Bind("length")
	n, ok := r.VM.Len(v)
	if !ok {
		py.Throw("TypeError", "object of type '%s' has no len()", py.TypeName(v))
	}
	return int64(n)
}

func attr(r *jinja.Run, v py.Value, a py.Args) py.Value {
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

func center(r *jinja.Run, v py.Value, a py.Args) py.Value {
	width := a.Bind("center", "width?")[0]
	if width == nil {
		width = int64(80)
	}
	m, _ := r.VM.Attr(softText(r, v), "center")
	return r.VM.Call(m, py.Args{Pos: []py.Value{width}})
}

func format(r *jinja.Run, v py.Value, a py.Args) py.Value {
	if len(a.Pos) > 0 && len(a.Kw) > 0 {
		py.Throw("FilterArgumentError", "can't handle positional and keyword arguments at the same time")
	}
	var with py.Value = py.NewTuple(a.Pos...)
	if len(a.Kw) > 0 {
		with = py.DictOf(r.VM, py.Args{Kw: a.Kw})
	}
	return r.VM.Binary("%", softText(r, v), with)
}

// title is Jinja's: a word begins after a hyphen, white space or an opening bracket only, and after runs of them.
func title(r *jinja.Run, v py.Value, a py.Args) py.Value {
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

func indent(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("indent", "width?", "first?", "blank?")
	pad, isText := py.Text(p[0])
	switch {
	case p[0] == nil:
		pad = "    "
	case !isText:
		pad = r.VM.Str(r.VM.Binary("*", " ", p[0]))
	}
	if _, isList := v.(*py.List); isList {
		py.Throw("AttributeError", "'list' object has no attribute 'splitlines'")
	}
	text, _ := py.Text(r.VM.Binary("+", v, "\n"))
	lines := py.SplitLines(text)
	padded := func(i int) bool {
		return i == 0 && r.VM.Truth(p[1]) || i > 0 && (r.VM.Truth(p[2]) || lines[i] != "")
	}
	r.VM.Build(len(text))
	for i := range lines {
		if padded(i) {
			r.VM.Build(len(pad))
		}
	}
	var b strings.Builder
	for i, line := range lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		if padded(i) {
			b.WriteString(pad)
		}
		b.WriteString(line)
	}
	return retext(v, b.String())
}

func truncate(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("truncate", "length?", "killwords?", "end?", "leeway?")
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
	n, ok := r.VM.Len(v)
	if !ok {
		py.Throw("TypeError", "object of type '%s' has no len()", py.TypeName(v))
	}
	if size > math.MaxInt32 || int64(n) <= size+leeway {
		return v
	}
	text, ok := py.Text(v)
	if !ok {
		py.Throw("TypeError", "only text can be truncated, not %s", py.TypeName(v))
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

func wordCount(r *jinja.Run, v py.Value, a py.Args) py.Value {
	a.Bind("wordcount")
	text := r.VM.Str(v)
	r.VM.Step(len(text) >> 5)
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
