package chat

import (
	"fmt"
	"strings"
	"time"

	"github.com/steelyard-ml/steelyard/model/chat/filters"
	"github.com/steelyard-ml/steelyard/model/chat/jinja"
	"github.com/steelyard-ml/steelyard/model/chat/py"
)

// environment is Jinja's with what transformers adds to it.
func environment() *jinja.Environment {
	env := jinja.NewEnvironment(filters.Filters(), filters.Tests())
	env.Filters["tojson"] = toJSON
	env.Globals["raise_exception"] = &py.Func{Name: "raise_exception", Call: func(vm *py.VM, a py.Args) py.Value {
		py.Throw("TemplateError", "%s", vm.Str(a.Bind("raise_exception", "message")[0]))
		return nil
	}}
	return env
}

// toJSON is json.dumps with the options that transformers passes on.
func toJSON(r *jinja.Run, v py.Value, a py.Args) py.Value {
	p := a.Bind("tojson", "ensure_ascii?", "indent?", "separators?", "sort_keys?")
	o := py.JSON{ASCII: r.VM.Truth(p[0]), SortKeys: r.VM.Truth(p[3])}
	if p[1] != nil && p[1] != py.None {
		indent, isText := py.Text(p[1])
		if !isText {
			indent = r.VM.Str(r.VM.Binary("*", " ", p[1]))
		}
		o.Indent = &indent
	}
	if p[2] != nil && p[2] != py.None {
		pair := r.VM.Items(p[2])
		if len(pair) != 2 {
			py.Throw("ValueError", "%d separators, not two", len(pair))
		}
		for i, to := range []*string{&o.Item, &o.Key} {
			text, ok := py.Text(pair[i])
			if !ok {
				py.Throw("TypeError", "a separator must be str, not %s", py.TypeName(pair[i]))
			}
			*to = text
		}
		o.Separated = true
	}
	return r.VM.DumpJSON(v, o)
}

func strftimeNow(now time.Time, a py.Args) py.Value {
	format, ok := py.Text(a.Bind("strftime_now", "format")[0])
	if !ok {
		py.Throw("TypeError", "strftime() argument 1 must be str")
	}
	if now.IsZero() {
		py.Throw("ValueError", "the template asks for the date, and none was given to it")
	}
	return strftime(now, format)
}

// strftime writes t as Python's datetime.strftime does in the C locale of glibc, for a time without a time zone.
func strftime(t time.Time, format string) string {
	var b strings.Builder
	for {
		plain, rest, found := strings.Cut(format, "%")
		b.WriteString(plain)
		if !found {
			return b.String()
		}
		flag := rest[:len(rest)-len(strings.TrimLeft(rest, "-_0^"))]
		if len(rest) == len(flag) {
			b.WriteString("%" + rest)
			return b.String()
		}
		text := directive(t, rest[len(flag)], flag)
		b.WriteString(text)
		format = rest[len(flag)+1:]
	}
}

// directive writes one directive; a flag changes the padding of a number, and ^ writes in capitals. An unknown one is left as it is.
func directive(t time.Time, c byte, flag string) string {
	number := func(n, width int, pad string) string {
		switch {
		case strings.Contains(flag, "-"):
			width = 0
		case strings.Contains(flag, "_"):
			pad = " "
		case strings.Contains(flag, "0"):
			pad = "0"
		}
		digits := fmt.Sprint(n)
		return strings.Repeat(pad, max(0, width-len(digits))) + digits
	}
	hour12 := (t.Hour()+11)%12 + 1
	isoYear, isoWeek := t.ISOWeek()
	named := func(s string) string {
		if strings.Contains(flag, "^") {
			return strings.ToUpper(s)
		}
		return s
	}
	switch c {
	case 'a':
		return named(t.Format("Mon"))
	case 'A':
		return named(t.Format("Monday"))
	case 'b', 'h':
		return named(t.Format("Jan"))
	case 'B':
		return named(t.Format("January"))
	case 'c':
		return named(t.Format("Mon Jan _2 15:04:05 2006"))
	case 'C':
		return number(t.Year()/100, 2, "0")
	case 'd':
		return number(t.Day(), 2, "0")
	case 'D', 'x':
		return t.Format("01/02/06")
	case 'e':
		return number(t.Day(), 2, " ")
	case 'f':
		return fmt.Sprintf("%06d", t.Nanosecond()/1000)
	case 'F':
		return t.Format("2006-01-02")
	case 'g':
		return number(isoYear%100, 2, "0")
	case 'G':
		return number(isoYear, 4, "0")
	case 'H':
		return number(t.Hour(), 2, "0")
	case 'I':
		return number(hour12, 2, "0")
	case 'j':
		return number(t.YearDay(), 3, "0")
	case 'k':
		return number(t.Hour(), 2, " ")
	case 'l':
		return number(hour12, 2, " ")
	case 'm':
		return number(int(t.Month()), 2, "0")
	case 'M':
		return number(t.Minute(), 2, "0")
	case 'n':
		return "\n"
	case 'p':
		return t.Format("PM")
	case 'P':
		return t.Format("pm")
	case 'r':
		return t.Format("03:04:05 PM")
	case 'R':
		return t.Format("15:04")
	case 's':
		return fmt.Sprint(t.Unix())
	case 'S':
		return number(t.Second(), 2, "0")
	case 't':
		return "\t"
	case 'T', 'X':
		return t.Format("15:04:05")
	case 'u':
		return number((int(t.Weekday())+6)%7+1, 1, "0")
	case 'U':
		return number((t.YearDay()+6-int(t.Weekday()))/7, 2, "0")
	case 'V':
		return number(isoWeek, 2, "0")
	case 'w':
		return number(int(t.Weekday()), 1, "0")
	case 'W':
		return number((t.YearDay()+6-(int(t.Weekday())+6)%7)/7, 2, "0")
	case 'y':
		return number(t.Year()%100, 2, "0")
	case 'Y':
		return number(t.Year(), 4, "")
	case 'z', 'Z':
		return "" // a time from datetime.now() knows no zone
	case '%':
		return "%"
	}
	return "%" + flag + string(c)
}
