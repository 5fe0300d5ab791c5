package filters

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/steelyard-ml/steelyard/model/chat/jinja"
	"github.com/steelyard-ml/steelyard/model/chat/py"
)

func safe(r *jinja.Run, v py.Value, a py.Args) py.Value {
	a.Bind("safe")
	return py.Markup(r.VM.Str(v))
}

func escape(r *jinja.Run, v py.Value, a py.Args) py.Value {
	a.Bind("escape")
	return r.VM.Escape(v)
}

func forceEscape(r *jinja.Run, v py.Value, a py.Args) py.Value {
	a.Bind("forceescape")
	return r.VM.Escape(r.VM.Str(v))
}

func xmlAttr(r *jinja.Run, v py.Value, a py.Args) py.Value {
	space := a.Bind("xmlattr", "autospace?")[0]
	d := mapping(v)
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

func urlEncode(r *jinja.Run, v py.Value, a py.Args) py.Value {
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
func urlQuote(r *jinja.Run, v py.Value, safe string) string {
	text := r.VM.Str(v)
	r.VM.Build(3 * len(text))
	var b strings.Builder
	for _, c := range []byte(text) {
		switch {
		case c < 0x80 && (unicode.IsLetter(rune(c)) || c >= '0' && c <= '9') || slices.Contains([]byte("_.-~"+safe), c):
			b.WriteByte(c)
		case c == ' ' && safe == "":
			b.WriteByte('+')
		default:
			fmt.Fprintf(&b, "%%%02X", c)
		}
	}
	return b.String()
}
