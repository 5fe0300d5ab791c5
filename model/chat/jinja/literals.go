package jinja

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// digitsLen is the length of a run of digits that s begins with; single underscores may stand between them.
func digitsLen(s string, isDigit func(byte) bool) int {
	n := 0
	for n < len(s) && (isDigit(s[n]) || s[n] == '_' && n > 0 && n+1 < len(s) && s[n-1] != '_' && isDigit(s[n+1])) {
		n++
	}
	return n
}

func decimal(c byte) bool { return c >= '0' && c <= '9' }

func intLen(s string) int {
	if len(s) > 2 && s[0] == '0' {
		var is func(byte) bool
		switch s[1] | 0x20 {
		case 'b':
			is = func(c byte) bool { return c == '0' || c == '1' }
		case 'o':
			is = func(c byte) bool { return c >= '0' && c <= '7' }
		case 'x':
			is = func(c byte) bool { return decimal(c) || c|0x20 >= 'a' && c|0x20 <= 'f' }
		}
		if is != nil {
			if n := digitsLen(strings.TrimPrefix(s[2:], "_"), is); n > 0 {
				return n + len(s) - len(strings.TrimPrefix(s[2:], "_"))
			}
		}
	}
	if s[0] == '0' {
		return digitsLen(s, func(c byte) bool { return c == '0' })
	}
	return digitsLen(s, decimal)
}

func floatLen(s string) int {
	n := digitsLen(s, decimal)
	if n == 0 {
		return 0
	}
	isFloat := false
	if n+1 < len(s) && s[n] == '.' && decimal(s[n+1]) {
		n += 1 + digitsLen(s[n+1:], decimal)
		isFloat = true
	}
	if n+1 < len(s) && s[n]|0x20 == 'e' {
		exp := n + 1 + len(sign(s[n+1:]))
		if m := digitsLen(s[exp:], decimal); m > 0 {
			return exp + m
		}
	}
	if !isFloat {
		return 0
	}
	return n
}

var errEscape = errors.New("truncated or unsupported escape in a string")

// unescape resolves the escapes of a string literal as Python's unicode-escape codec does; unknown ones stay as they are.
func unescape(s string) (string, error) {
	var b strings.Builder
	for {
		at := strings.IndexByte(s, '\\')
		if at < 0 || at+1 == len(s) {
			b.WriteString(s)
			return b.String(), nil
		}
		b.WriteString(s[:at])
		r, w := utf8.DecodeRuneInString(s[at+1:])
		s = s[at+1+w:]
		size := 0
		switch {
		case r == '\n':
		case strings.ContainsRune(`\'"abfnrtv`, r):
			b.WriteByte("\\'\"\a\b\f\n\r\t\v"[strings.IndexRune(`\'"abfnrtv`, r)])
		case r >= '0' && r <= '7':
			n := r - '0'
			for i := 0; i < 2 && s != "" && s[0] >= '0' && s[0] <= '7'; i++ {
				n, s = 8*n+rune(s[0]-'0'), s[1:]
			}
			b.WriteRune(n)
		case r == 'x':
			size = 2
		case r == 'u':
			size = 4
		case r == 'U':
			size = 8
		case r == 'N':
			return "", errEscape
		case r >= 0x80: // Jinja writes it as \xhh first, so the backslash here escapes that one's
			b.WriteString(nonASCII(r))
		default:
			b.WriteByte('\\')
			b.WriteRune(r)
		}
		if size > 0 {
			if len(s) < size {
				return "", errEscape
			}
			n, err := strconv.ParseUint(s[:size], 16, 32)
			if err != nil || n > utf8.MaxRune || !utf8.ValidRune(rune(n)) {
				return "", errEscape
			}
			b.WriteRune(rune(n))
			s = s[size:]
		}
	}
}

func nonASCII(r rune) string {
	switch {
	case r < 0x100:
		return fmt.Sprintf(`\x%02x`, r)
	case r < 0x10000:
		return fmt.Sprintf(`\u%04x`, r)
	}
	return fmt.Sprintf(`\U%08x`, r)
}
