package py

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// The case mappings of one character to several, from Unicode's SpecialCasing.txt, each as the character and what it becomes.
var (
	upperOf = expansions("\u00dfSS \u0149\u02bcN \u01f0J\u030c \u0390\u0399\u0308\u0301 \u03b0\u03a5\u0308\u0301 \u0587\u0535\u0552 \u1e96H\u0331 " +
		"\u1e97T\u0308 \u1e98W\u030a \u1e99Y\u030a \u1e9aA\u02be \u1f50\u03a5\u0313 \u1f52\u03a5\u0313\u0300 " +
		"\u1f54\u03a5\u0313\u0301 \u1f56\u03a5\u0313\u0342 \u1f80\u1f08\u0399 \u1f81\u1f09\u0399 \u1f82\u1f0a\u0399 " +
		"\u1f83\u1f0b\u0399 \u1f84\u1f0c\u0399 \u1f85\u1f0d\u0399 \u1f86\u1f0e\u0399 \u1f87\u1f0f\u0399 \u1f88\u1f08\u0399 " +
		"\u1f89\u1f09\u0399 \u1f8a\u1f0a\u0399 \u1f8b\u1f0b\u0399 \u1f8c\u1f0c\u0399 \u1f8d\u1f0d\u0399 \u1f8e\u1f0e\u0399 " +
		"\u1f8f\u1f0f\u0399 \u1f90\u1f28\u0399 \u1f91\u1f29\u0399 \u1f92\u1f2a\u0399 \u1f93\u1f2b\u0399 \u1f94\u1f2c\u0399 " +
		"\u1f95\u1f2d\u0399 \u1f96\u1f2e\u0399 \u1f97\u1f2f\u0399 \u1f98\u1f28\u0399 \u1f99\u1f29\u0399 \u1f9a\u1f2a\u0399 " +
		"\u1f9b\u1f2b\u0399 \u1f9c\u1f2c\u0399 \u1f9d\u1f2d\u0399 \u1f9e\u1f2e\u0399 \u1f9f\u1f2f\u0399 \u1fa0\u1f68\u0399 " +
		"\u1fa1\u1f69\u0399 \u1fa2\u1f6a\u0399 \u1fa3\u1f6b\u0399 \u1fa4\u1f6c\u0399 \u1fa5\u1f6d\u0399 \u1fa6\u1f6e\u0399 " +
		"\u1fa7\u1f6f\u0399 \u1fa8\u1f68\u0399 \u1fa9\u1f69\u0399 \u1faa\u1f6a\u0399 \u1fab\u1f6b\u0399 \u1fac\u1f6c\u0399 " +
		"\u1fad\u1f6d\u0399 \u1fae\u1f6e\u0399 \u1faf\u1f6f\u0399 \u1fb2\u1fba\u0399 \u1fb3\u0391\u0399 \u1fb4\u0386\u0399 " +
		"\u1fb6\u0391\u0342 \u1fb7\u0391\u0342\u0399 \u1fbc\u0391\u0399 \u1fc2\u1fca\u0399 \u1fc3\u0397\u0399 \u1fc4\u0389\u0399 " +
		"\u1fc6\u0397\u0342 \u1fc7\u0397\u0342\u0399 \u1fcc\u0397\u0399 \u1fd2\u0399\u0308\u0300 \u1fd3\u0399\u0308\u0301 " +
		"\u1fd6\u0399\u0342 \u1fd7\u0399\u0308\u0342 \u1fe2\u03a5\u0308\u0300 \u1fe3\u03a5\u0308\u0301 \u1fe4\u03a1\u0313 " +
		"\u1fe6\u03a5\u0342 \u1fe7\u03a5\u0308\u0342 \u1ff2\u1ffa\u0399 \u1ff3\u03a9\u0399 \u1ff4\u038f\u0399 \u1ff6\u03a9\u0342 " +
		"\u1ff7\u03a9\u0342\u0399 \u1ffc\u03a9\u0399 \ufb00FF \ufb01FI \ufb02FL \ufb03FFI \ufb04FFL \ufb05ST \ufb06ST " +
		"\ufb13\u0544\u0546 \ufb14\u0544\u0535 \ufb15\u0544\u053b \ufb16\u054e\u0546 \ufb17\u0544\u053d")
	titleOf = expansions("\u00dfSs \u0149\u02bcN \u01f0J\u030c \u0390\u0399\u0308\u0301 \u03b0\u03a5\u0308\u0301 \u0587\u0535\u0582 \u1e96H\u0331 " +
		"\u1e97T\u0308 \u1e98W\u030a \u1e99Y\u030a \u1e9aA\u02be \u1f50\u03a5\u0313 \u1f52\u03a5\u0313\u0300 " +
		"\u1f54\u03a5\u0313\u0301 \u1f56\u03a5\u0313\u0342 \u1fb2\u1fba\u0345 \u1fb4\u0386\u0345 \u1fb6\u0391\u0342 " +
		"\u1fb7\u0391\u0342\u0345 \u1fc2\u1fca\u0345 \u1fc4\u0389\u0345 \u1fc6\u0397\u0342 \u1fc7\u0397\u0342\u0345 " +
		"\u1fd2\u0399\u0308\u0300 \u1fd3\u0399\u0308\u0301 \u1fd6\u0399\u0342 \u1fd7\u0399\u0308\u0342 \u1fe2\u03a5\u0308\u0300 " +
		"\u1fe3\u03a5\u0308\u0301 \u1fe4\u03a1\u0313 \u1fe6\u03a5\u0342 \u1fe7\u03a5\u0308\u0342 \u1ff2\u1ffa\u0345 " +
		"\u1ff4\u038f\u0345 \u1ff6\u03a9\u0342 \u1ff7\u03a9\u0342\u0345 \ufb00Ff \ufb01Fi \ufb02Fl \ufb03Ffi \ufb04Ffl \ufb05St " +
		"\ufb06St \ufb13\u0544\u0576 \ufb14\u0544\u0565 \ufb15\u0544\u056b \ufb16\u054e\u0576 \ufb17\u0544\u056d")
)

// numerals are the characters with a numeric value that are in no category of numbers (Unicode 14, str.isnumeric).
const numerals = "\u3405\u3483\u382a\u3b4d\u4e00\u4e03\u4e07\u4e09\u4e5d\u4e8c\u4e94\u4e96\u4ebf\u4ec0\u4edf\u4ee8\u4f0d\u4f70\u5104\u5146" +
	"\u5169\u516b\u516d\u5341\u5343\u5344\u5345\u534c\u53c1\u53c2\u53c3\u53c4\u56db\u58f1\u58f9\u5e7a\u5efe\u5eff\u5f0c\u5f0d" +
	"\u5f0e\u5f10\u62fe\u634c\u67d2\u6f06\u7396\u767e\u8086\u842c\u8cae\u8cb3\u8d30\u9621\u9646\u964c\u9678\u96f6\uf96b\uf973" +
	"\uf978\uf9b2\uf9d1\uf9d3\uf9fd\U00020001\U00020064\U000200e2\U00020121\U0002092a\U00020983\U0002098c\U0002099c\U00020aea\U00020afd\U00020b19\U00022390\U00022998\U00023b1b\U0002626d" +
	"\U0002f890"

func expansions(table string) map[rune]string {
	made := map[rune]string{}
	for _, word := range strings.Fields(table) {
		runes := []rune(word)
		made[runes[0]] = string(runes[1:])
	}
	return made
}

// digits are the characters with a digit value that are no decimal digits (str.isdigit).
var digits = &unicode.RangeTable{
	R16: []unicode.Range16{
		{Lo: 0xb2, Hi: 0xb3, Stride: 1}, {Lo: 0xb9, Hi: 0xb9, Stride: 1}, {Lo: 0x1369, Hi: 0x1371, Stride: 1}, {Lo: 0x19da, Hi: 0x19da, Stride: 1},
		{Lo: 0x2070, Hi: 0x2070, Stride: 1}, {Lo: 0x2074, Hi: 0x2079, Stride: 1}, {Lo: 0x2080, Hi: 0x2089, Stride: 1}, {Lo: 0x2460, Hi: 0x2468, Stride: 1},
		{Lo: 0x2474, Hi: 0x247c, Stride: 1}, {Lo: 0x2488, Hi: 0x2490, Stride: 1}, {Lo: 0x24ea, Hi: 0x24ea, Stride: 1}, {Lo: 0x24f5, Hi: 0x24fd, Stride: 1},
		{Lo: 0x24ff, Hi: 0x24ff, Stride: 1}, {Lo: 0x2776, Hi: 0x277e, Stride: 1}, {Lo: 0x2780, Hi: 0x2788, Stride: 1}, {Lo: 0x278a, Hi: 0x2792, Stride: 1},
	},
	R32: []unicode.Range32{
		{Lo: 0x10a40, Hi: 0x10a43, Stride: 1}, {Lo: 0x10e60, Hi: 0x10e68, Stride: 1}, {Lo: 0x11052, Hi: 0x1105a, Stride: 1},
		{Lo: 0x1f100, Hi: 0x1f10a, Stride: 1},
	},
	LatinOffset: 2,
}

// IsSpace reports whether str.isspace holds for r: Unicode's white space and four separators of ASCII.
func IsSpace(r rune) bool { return unicode.IsSpace(r) || r >= 0x1c && r <= 0x1f }

func isLower(r rune) bool     { return unicode.IsLower(r) || unicode.Is(unicode.Other_Lowercase, r) }
func isUpper(r rune) bool     { return unicode.IsUpper(r) || unicode.Is(unicode.Other_Uppercase, r) }
func isCased(r rune) bool     { return isLower(r) || isUpper(r) || unicode.IsTitle(r) }
func isDecimal(r rune) bool   { return unicode.Is(unicode.Nd, r) }
func isDigitRune(r rune) bool { return isDecimal(r) || unicode.Is(digits, r) }
func isNumeric(r rune) bool   { return unicode.IsNumber(r) || strings.ContainsRune(numerals, r) }
func isAlnum(r rune) bool     { return unicode.IsLetter(r) || isNumeric(r) }

// isCaseIgnorable: Unicode's Case_Ignorable, which the final sigma looks past.
func isCaseIgnorable(r rune) bool {
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf, unicode.Lm, unicode.Sk) ||
		strings.ContainsRune("'.:\u00b7\u0387\u055f\u05f4\u2018\u2019\u2024\u2027\ufe13\ufe52\ufe55\uff07\uff0e\uff1a", r)
}

func upper(s string) string {
	if isASCII(s) {
		return strings.ToUpper(s)
	}
	var b strings.Builder
	for _, r := range s {
		writeUpper(&b, r)
	}
	return b.String()
}

func writeUpper(b *strings.Builder, r rune) {
	if many, ok := upperOf[r]; ok {
		b.WriteString(many)
		return
	}
	b.WriteRune(unicode.ToUpper(r))
}

func lower(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	var b strings.Builder
	for i, r := range s {
		writeLower(&b, s, i, r)
	}
	return b.String()
}

// writeLower writes the lower case of r, which stands at byte i of s.
func writeLower(b *strings.Builder, s string, i int, r rune) {
	switch r {
	case '\u0130':
		b.WriteString("i\u0307")
	case '\u03a3':
		before := strings.TrimRightFunc(s[:i], isCaseIgnorable)
		after := strings.TrimLeftFunc(s[i+len("\u03a3"):], isCaseIgnorable)
		if lastRune(before, isCased) && !firstRune(after, isCased) {
			b.WriteString("\u03c2")
		} else {
			b.WriteString("\u03c3")
		}
	default:
		b.WriteRune(unicode.ToLower(r))
	}
}

func lastRune(s string, is func(rune) bool) bool {
	runes := []rune(s[max(0, len(s)-4):])
	return len(runes) > 0 && is(runes[len(runes)-1])
}

func firstRune(s string, is func(rune) bool) bool {
	for _, r := range s {
		return is(r)
	}
	return false
}

// casefold is str.casefold: the lower case of the upper case, but for the dotless i, which stays, the capital sharp s, and Cherokee, which
// becomes capitals.
func casefold(s string) string {
	if isASCII(s) {
		return strings.ToLower(s)
	}
	var b, upper strings.Builder
	for _, r := range s {
		switch {
		case r == '\u0131':
			b.WriteRune(r)
		case r == '\u1e9e':
			b.WriteString("ss")
		case unicode.Is(unicode.Cherokee, r):
			b.WriteRune(unicode.ToUpper(r))
		default:
			upper.Reset()
			writeUpper(&upper, r)
			for _, u := range upper.String() {
				writeLower(&b, string(u), 0, u)
			}
		}
	}
	return b.String()
}

// title is str.title, or str.capitalize where only the first character is a beginning.
func title(s string, begins func(i int, afterCased bool) bool) string {
	var b strings.Builder
	cased := false
	for i, r := range s {
		if begins(i, cased) {
			if many, ok := titleOf[r]; ok {
				b.WriteString(many)
			} else {
				b.WriteRune(unicode.ToTitle(r))
			}
		} else {
			writeLower(&b, s, i, r)
		}
		cased = isCased(r)
	}
	return b.String()
}

func swapcase(s string) string {
	var b strings.Builder
	for i, r := range s {
		switch {
		case isUpper(r):
			writeLower(&b, s, i, r)
		case isLower(r):
			writeUpper(&b, r)
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// IsLowerText is s.islower(): some cased character, none of them upper case.
func IsLowerText(s string) bool {
	return strings.ContainsFunc(s, isLower) && !strings.ContainsFunc(s, func(r rune) bool { return isUpper(r) || unicode.IsTitle(r) })
}

// IsUpperText is s.isupper().
func IsUpperText(s string) bool {
	return strings.ContainsFunc(s, isUpper) && !strings.ContainsFunc(s, func(r rune) bool { return isLower(r) || unicode.IsTitle(r) })
}

// IsIdentifier is s.isidentifier().
func IsIdentifier(s string) bool {
	for i, r := range s {
		first := r == '_' || unicode.IsLetter(r) || unicode.Is(unicode.Nl, r)
		if !first && (i == 0 || !unicode.In(r, unicode.Mn, unicode.Mc, unicode.Nd, unicode.Pc)) {
			return false
		}
	}
	return s != ""
}

func isTitleText(s string) bool {
	cased, any := false, false
	for _, r := range s {
		switch {
		case isUpper(r) || unicode.IsTitle(r):
			if cased {
				return false
			}
			cased, any = true, true
		case isLower(r):
			if !cased {
				return false
			}
		default:
			cased = false
		}
	}
	return any
}

// TitleWord is s[0].upper() + s[1:].lower().
func TitleWord(s string) string {
	_, w := utf8.DecodeRuneInString(s)
	return upper(s[:w]) + lower(s[w:])
}
