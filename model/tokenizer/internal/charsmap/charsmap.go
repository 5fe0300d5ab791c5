package charsmap

import (
	"encoding/binary"
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/ucd"
)

// A Map is a double-array trie of the bytes of keys, whose values say where in texts a replacement begins; a NUL or the end ends it.
type Map struct {
	units []uint32
	texts string
}

// Parse reads a charsmap: the size of the trie in bytes as 32 bits, little-endian as the units of the trie, which follow; the rest is the
// texts. What the trie says is not checked here: a unit or a text that is not there is taken for none.
func Parse(data []byte) (*Map, error) {
	if len(data) < 4 {
		return nil, errors.New("precompiled_charsmap is shorter than its header of 4 bytes")
	}
	n := int(binary.LittleEndian.Uint32(data) / 4)
	data = data[4:]
	switch {
	case n == 0:
		return nil, errors.New("precompiled_charsmap has no trie")
	case n > len(data)/4:
		return nil, errors.New("precompiled_charsmap is shorter than its header says")
	case !utf8.Valid(data[4*n:]):
		return nil, errors.New("precompiled_charsmap has replacements that are not UTF-8")
	}
	m := &Map{make([]uint32, n), string(data[4*n:])}
	for i := range m.units {
		m.units[i] = binary.LittleEndian.Uint32(data[4*i:])
	}
	return m, nil
}

// Growth returns how many times as long a text may become, at most.
func (m *Map) Growth() int {
	longest := 1
	for text := range strings.SplitSeq(m.texts, "\x00") {
		longest = max(longest, len(text))
	}
	return longest
}

// maxWhole is how many bytes a cluster may have that is looked up as a whole.
const maxWhole = 5

// Normalize replaces what the charsmap has.
func (m *Map) Normalize(s string) string {
	var b strings.Builder
	for len(s) > 0 {
		n := ucd.Grapheme(s)
		cluster := s[:n]
		s = s[n:]
		if n <= maxWhole {
			if text, ok := m.replacement(cluster); ok {
				b.WriteString(text)
				continue
			}
		}
		for len(cluster) > 0 {
			_, n := utf8.DecodeRuneInString(cluster)
			if text, ok := m.replacement(cluster[:n]); ok {
				b.WriteString(text)
			} else {
				b.WriteString(cluster[:n])
			}
			cluster = cluster[n:]
		}
	}
	return b.String()
}

// replacement returns what stands for the shortest key that s begins with. The layout of a unit is that of the Darts-clone library: bits
// 0 to 7 and 31 are the label, bit 8 says that a key ends here, bits 10 to 30 are the offset of the children, in units of 256 where bit 9
// is set; of a value, bits 0 to 30 are the value.
func (m *Map) replacement(s string) (string, bool) {
	at := offset(m.units[0])
	for i := range len(s) {
		if s[i] == 0 {
			break
		}
		at ^= int(s[i])
		if at >= len(m.units) || m.units[at]&(1<<31|0xFF) != uint32(s[i]) {
			break
		}
		unit := m.units[at]
		at ^= offset(unit)
		if unit>>8&1 == 0 {
			continue
		}
		if at >= len(m.units) {
			break
		}
		start := int(m.units[at] & (1<<31 - 1))
		if start > len(m.texts) || start < len(m.texts) && !utf8.RuneStart(m.texts[start]) {
			break
		}
		text, _, _ := strings.Cut(m.texts[start:], "\x00")
		return text, true
	}
	return "", false
}

func offset(unit uint32) int { return int(uint64(unit>>10) << (unit & (1 << 9) >> 6)) }
