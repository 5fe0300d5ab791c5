package clean

import (
	"strings"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/ucd"
)

// Nmt takes controls away and makes other white space, joiners and marks of direction a space.
func Nmt(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case 0x01 <= r && r <= 0x08, r == 0x0B, 0x0E <= r && r <= 0x1F, r == 0x7F, r == 0x8F, r == 0x9F:
			return -1
		case r == '\t', r == '\n', r == '\f', r == '\r', r == 0x1680, 0x200B <= r && r <= 0x200F, r == 0x2028, r == 0x2029, r == 0x2581,
			r == 0xFEFF, r == 0xFFFD:
			return ' '
		}
		return r
	}, s)
}

// Strip takes white space off the ends of a text.
func Strip(s string, left, right bool) string {
	if left {
		s = strings.TrimLeftFunc(s, ucd.White)
	}
	if right {
		s = strings.TrimRightFunc(s, ucd.White)
	}
	return s
}

// StripAccents takes combining marks away.
func StripAccents(s string) string { return without(s, ucd.Mark) }

// Bert says what BertNormalizer does.
type Bert struct {
	Clean, Chinese, StripAccents, Lowercase bool
}

// Normalize takes controls away, puts spaces around Chinese characters, takes accents away and writes in lower case, as far as b says.
func (b Bert) Normalize(s string) string {
	if b.Clean {
		s = strings.Map(func(r rune) rune {
			switch {
			case ucd.White(r) && !ucd.Control(r):
				return ' '
			case r == 0xFFFD, ucd.Control(r):
				return -1
			}
			return r
		}, s)
	}
	if b.Chinese {
		var out strings.Builder
		for _, r := range s {
			if chinese(r) {
				out.WriteByte(' ')
				out.WriteRune(r)
				out.WriteByte(' ')
			} else {
				out.WriteRune(r)
			}
		}
		s = out.String()
	}
	if b.StripAccents {
		s = without(ucd.NFD(s), ucd.Accent)
	}
	if b.Lowercase {
		s = ucd.Lower(s)
	}
	return s
}

// chinese reports whether BertNormalizer takes r for a Chinese character.
func chinese(r rune) bool {
	switch {
	case 0x3400 <= r && r <= 0x4DBF, 0x4E00 <= r && r <= 0x9FFF, 0xF900 <= r && r <= 0xFAFF, 0x20000 <= r && r <= 0x2A6DF,
		0x2A700 <= r && r <= 0x2B73F, 0x2B740 <= r && r <= 0x2B81F, 0x2B920 <= r && r <= 0x2CEAF, 0x2F800 <= r && r <= 0x2FA1F:
		return true
	}
	return false
}

func without(s string, set func(rune) bool) string {
	return strings.Map(func(r rune) rune {
		if set(r) {
			return -1
		}
		return r
	}, s)
}
