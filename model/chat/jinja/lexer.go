package jinja

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/model/chat/py"
)

type kind string // of a token; an operator's kind is its text

const (
	tokData       kind = "data"
	tokVarBegin   kind = "begin of print statement"
	tokVarEnd     kind = "end of print statement"
	tokBlockBegin kind = "begin of statement block"
	tokBlockEnd   kind = "end of statement block"
	tokName       kind = "name"
	tokString     kind = "string"
	tokInt        kind = "integer"
	tokFloat      kind = "float"
	tokEOF        kind = "end of template"
)

type token struct {
	kind  kind
	text  string   // of data and names
	value py.Value // of strings and numbers
	line  int
}

// A lexer cuts a template into tokens. It follows Jinja with trim_blocks and lstrip_blocks: the newline after a block or comment and
// the blanks before one that begins a line are no data.
type lexer struct {
	src      string // with \n alone as line ends, and without the last one
	pos      int
	counted  int // bytes of src whose newlines are in line
	line     int
	tokens   []token
	unclosed []byte // brackets that a tag still has to close
}

func lex(source string) []token {
	source = strings.ReplaceAll(strings.ReplaceAll(source, "\r\n", "\n"), "\r", "\n")
	l := &lexer{src: strings.TrimSuffix(source, "\n"), line: 1}
	for l.pos < len(l.src) {
		l.data()
	}
	l.emit(tokEOF, "", nil)
	return l.tokens
}

func (l *lexer) fail(format string, args ...any) {
	syntaxError(l.lineAt(l.pos), format, args...)
}

func (l *lexer) lineAt(pos int) int {
	if pos > l.counted {
		l.line += strings.Count(l.src[l.counted:pos], "\n")
		l.counted = pos
	}
	return l.line
}

func (l *lexer) emit(k kind, text string, v py.Value) {
	l.tokens = append(l.tokens, token{k, text, v, l.lineAt(l.pos)})
}

func (l *lexer) rest() string { return l.src[l.pos:] }

// data reads text up to the next tag, and that tag.
func (l *lexer) data() {
	at := l.pos
	for {
		next := strings.IndexByte(l.src[at:], '{')
		if next < 0 || at+next+1 == len(l.src) {
			l.emit(tokData, l.rest(), nil)
			l.pos = len(l.src)
			return
		}
		at += next
		if c := l.src[at+1]; c == '{' || c == '%' || c == '#' {
			break
		}
		at++
	}
	begin := l.src[at : at+2]
	l.text(l.pos, at, begin != "{{", sign(l.src[at+2:]))
	l.pos = at
	switch begin {
	case "{{":
		l.emit(tokVarBegin, "", nil)
		l.pos = at + 2 + len(sign(l.src[at+2:]))
		l.tag(l.varEnd)
	case "{#":
		l.pos = at + 2 + len(sign(l.src[at+2:]))
		l.comment()
	default:
		if after, ok := rawTag(l.src[at+2:], "raw"); ok {
			switch {
			case strings.HasPrefix(after, "-%}"):
				l.pos = len(l.src) - len(strings.TrimLeftFunc(after[3:], py.IsSpace))
				l.raw()
				return
			case strings.HasPrefix(after, "%}"):
				l.pos = len(l.src) - len(after) + 2
				l.raw()
				return
			}
		}
		l.emit(tokBlockBegin, "", nil)
		l.pos = at + 2 + len(sign(l.src[at+2:]))
		l.tag(l.blockEnd)
	}
}

// sign is the white-space control that a tag begins with.
func sign(s string) string {
	if s != "" && (s[0] == '-' || s[0] == '+') {
		return s[:1]
	}
	return ""
}

// text emits src[from:to], which a tag with this control follows.
func (l *lexer) text(from, to int, isBlock bool, control string) {
	text := l.src[from:to]
	switch {
	case control == "-":
		text = strings.TrimRightFunc(text, py.IsSpace)
	case control == "" && isBlock:
		line := strings.LastIndexByte(text, '\n') + 1
		if (line > 0 || from == 0 || l.src[from-1] == '\n') && strings.TrimLeftFunc(text[line:], py.IsSpace) == "" {
			text = text[:line]
		}
	}
	if text != "" {
		l.emit(tokData, text, nil)
	}
}

// rawTag matches [+-]? word up to what must be the end of the tag, which it returns.
func rawTag(s, word string) (after string, ok bool) {
	s = strings.TrimLeftFunc(s[len(sign(s)):], py.IsSpace)
	if !strings.HasPrefix(s, word) {
		return "", false
	}
	return strings.TrimLeftFunc(s[len(word):], py.IsSpace), true
}

func (l *lexer) raw() {
	if l.rest() == "" { // Jinja's lexer looks for the end only where something is left
		return
	}
	for at := l.pos; ; at++ {
		next := strings.Index(l.src[at:], "{%")
		if next < 0 {
			l.fail("Missing end of raw directive")
		}
		at += next
		after, ok := rawTag(l.src[at+2:], "endraw")
		if !ok {
			continue
		}
		if n := l.endOf(after, "%}"); n > 0 {
			l.text(l.pos, at, true, sign(l.src[at+2:]))
			l.pos = len(l.src) - len(after) + n
			return
		}
	}
}

func (l *lexer) comment() {
	if l.rest() == "" { // as in raw
		return
	}
	end := strings.Index(l.rest(), "#}")
	if end < 0 {
		l.fail("Missing end of comment tag")
	}
	if end > 0 && sign(l.rest()[end-1:]) != "" {
		end--
	}
	l.pos += end
	l.pos += l.endOf(l.rest(), "#}")
}

// endOf returns the length of the end of a block or comment that s begins with, and of what it swallows: after - all white space,
// after + nothing, else one newline. It is 0 where s begins with no end.
func (l *lexer) endOf(s, end string) int {
	switch {
	case strings.HasPrefix(s, "+"+end):
		return 3
	case strings.HasPrefix(s, "-"+end):
		return len(s) - len(strings.TrimLeftFunc(s[3:], py.IsSpace))
	case strings.HasPrefix(s, end+"\n"):
		return 3
	case strings.HasPrefix(s, end):
		return 2
	}
	return 0
}

func (l *lexer) blockEnd() (int, kind) { return l.endOf(l.rest(), "%}"), tokBlockEnd }

func (l *lexer) varEnd() (int, kind) {
	s := l.rest()
	if strings.HasPrefix(s, "-}}") {
		return len(s) - len(strings.TrimLeftFunc(s[3:], py.IsSpace)), tokVarEnd
	}
	if strings.HasPrefix(s, "}}") {
		return 2, tokVarEnd
	}
	return 0, tokVarEnd
}

// tag reads the tokens of a tag.
func (l *lexer) tag(end func() (int, kind)) {
	l.unclosed = l.unclosed[:0]
	for l.pos < len(l.src) {
		if len(l.unclosed) == 0 {
			if n, k := end(); n > 0 {
				l.emit(k, "", nil)
				l.pos += n
				return
			}
		}
		s := l.rest()
		if trimmed := strings.TrimLeftFunc(s, py.IsSpace); len(trimmed) < len(s) {
			l.pos += len(s) - len(trimmed)
			continue
		}
		l.token(s)
	}
}

func (l *lexer) token(s string) {
	if n := floatLen(s); n > 0 && (l.pos == 0 || l.src[l.pos-1] != '.') {
		f, _ := py.ParseFloat(strings.ReplaceAll(s[:n], "_", ""))
		l.emit(tokFloat, s[:n], f)
		l.pos += n
		return
	}
	if n := intLen(s); n > 0 {
		l.emit(tokInt, s[:n], l.integer(s[:n]))
		l.pos += n
		return
	}
	r, _ := utf8.DecodeRuneInString(s)
	switch {
	case isNameRune(r):
		n := strings.IndexFunc(s, func(r rune) bool { return !isNameRune(r) })
		if n < 0 {
			n = len(s)
		}
		if !py.IsIdentifier(s[:n]) {
			l.fail("Invalid character in identifier")
		}
		l.emit(tokName, s[:n], nil)
		l.pos += n
	case r == '\'' || r == '"':
		l.str(s, byte(r))
	default:
		l.operator(s, r)
	}
}

func isNameRune(r rune) bool {
	return r == '_' || unicode.IsLetter(r) || unicode.IsNumber(r) || r >= 0x80 && unicode.In(r, unicode.Mn, unicode.Mc, unicode.Pc)
}

func (l *lexer) integer(s string) py.Value {
	vm := py.New(py.Limits{Steps: 1 << 20, Bytes: 1 << 20, Depth: 1})
	var v py.Value
	if err := py.Catch(func() { v, _ = vm.ParseInt(s, 0) }); err != nil || v == nil {
		l.fail("unreadable integer")
	}
	return v
}

func (l *lexer) operator(s string, r rune) {
	op := ""
	for _, long := range []string{"//", "**", "==", "!=", ">=", "<="} {
		if strings.HasPrefix(s, long) {
			op = long
		}
	}
	if op == "" && r < 0x80 && strings.ContainsRune("+-/*%~[](){}><=.:|,;", r) {
		op = s[:1]
	}
	switch op {
	case "":
		l.fail("unexpected char %q", r)
	case "(", "[", "{":
		l.unclosed = append(l.unclosed, map[string]byte{"(": ')', "[": ']', "{": '}'}[op])
	case ")", "]", "}":
		last := len(l.unclosed) - 1
		if last < 0 {
			l.fail("unexpected '%s'", op)
		}
		if l.unclosed[last] != op[0] {
			l.fail("unexpected '%s', expected '%c'", op, l.unclosed[last])
		}
		l.unclosed = l.unclosed[:last]
	}
	l.emit(kind(op), op, nil)
	l.pos += len(op)
}

// str reads a string literal.
func (l *lexer) str(s string, quote byte) {
	end := 1
	for ; end < len(s) && s[end] != quote; end++ {
		if s[end] == '\\' {
			end++
		}
	}
	if end >= len(s) {
		l.fail("unexpected char %q: a string that does not end", quote)
	}
	text, err := unescape(s[1:end])
	if err != nil {
		l.fail("%v", err)
	}
	l.emit(tokString, "", text)
	l.pos += end + 1
}
