package bpe

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// A Spec is what a model is made of, as tokenizer.json has it.
type Spec struct {
	Vocab  map[string]int32
	Merges [][2]string // by rank
	Bytes  bool        // the vocabulary is written in the byte-level alphabet
	// Unknown is the token of what the vocabulary lacks; "" means that it is left out, as the crate does.
	Unknown      string
	FuseUnknown  bool // one unknown token for a run of them
	ByteFallback bool // unknown characters become tokens <0x00> to <0xFF>
	IgnoreMerges bool // a whole word that is in the vocabulary is that token
}

// A Model encodes words. It is safe for concurrent use; its sessions are not.
type Model struct {
	spec    Spec
	words   map[string]int32 // whole words, only for IgnoreMerges
	bytes   [256]int32       // symbols of bytes for a byte-level model, else of ASCII; -1 where there is none
	runes   map[rune]int32   // symbols of other characters
	hex     [256]int32       // <0x00> to <0xFF>, -1 where there is none
	unknown int32            // -1 where there is none
	merges  table
	// cut says that a word may be cut before every "▁" that follows a character not in joined: no merge crosses there.
	cut    bool
	joined map[rune]struct{}
}

// New returns the model of a spec.
func New(s Spec) (*Model, error) {
	m := &Model{spec: s, unknown: -1}
	if s.Unknown != "" {
		id, ok := s.Vocab[s.Unknown]
		if !ok {
			return nil, fmt.Errorf("unk_token %q is not in vocab", s.Unknown)
		}
		m.unknown = id
	}
	if s.IgnoreMerges {
		m.words = s.Vocab
		if s.Bytes {
			m.words = make(map[string]int32, len(s.Vocab))
			for token, id := range s.Vocab {
				if raw, ok := Raw(token); ok {
					m.words[raw] = id
				}
			}
		}
	}
	m.symbols()
	if err := m.ranks(); err != nil {
		return nil, err
	}
	return m, nil
}

// symbols fills the tables of what a word is made of before any merge.
func (m *Model) symbols() {
	for b := range 256 {
		m.bytes[b], m.hex[b] = -1, -1
		if id, ok := m.spec.Vocab[fmt.Sprintf("<0x%02X>", b)]; ok && m.spec.ByteFallback {
			m.hex[b] = id
		}
		if m.spec.Bytes {
			if id, ok := m.spec.Vocab[string(alphabet[b])]; ok {
				m.bytes[b] = id
			}
		}
	}
	if m.spec.Bytes {
		return
	}
	m.runes = map[rune]int32{}
	for token, id := range m.spec.Vocab {
		r, n := utf8.DecodeRuneInString(token)
		switch {
		case n == 0 || n != len(token):
		case r < utf8.RuneSelf:
			m.bytes[r] = id
		default:
			m.runes[r] = id
		}
	}
}

// ranks fills the table of merges and finds where words may be cut.
func (m *Model) ranks() error {
	m.merges = newTable(len(m.spec.Merges))
	m.joined = map[rune]struct{}{}
	// Where characters are left out, what is around them meets.
	_, known := m.runes['▁']
	m.cut = known && (m.unknown >= 0 || !slices.Contains(m.hex[:], -1))
	for rank, merge := range m.spec.Merges {
		var ids [3]int32
		for i, token := range [3]string{merge[0], merge[1], merge[0] + merge[1]} {
			id, ok := m.spec.Vocab[token]
			if !ok {
				return fmt.Errorf("merge %d of %q and %q: %q is not in vocab", rank, merge[0], merge[1], token)
			}
			ids[i] = id
		}
		m.merges.put(ids[0], ids[1], uint32(rank), ids[2])
		if m.standIn(ids[0]) || m.standIn(ids[1]) {
			m.cut = false // the characters that meet are not those of the tokens
		}
		last := '▁'
		for _, r := range merge[0] + merge[1] {
			if r == '▁' && last != '▁' {
				m.joined[last] = struct{}{}
			}
			last = r
		}
	}
	return nil
}

// standIn reports whether a token stands for a character or byte that it is not written as.
func (m *Model) standIn(id int32) bool {
	return id == m.unknown || m.spec.ByteFallback && slices.Contains(m.hex[:], id)
}

// Append appends the ids of a word. A byte-level model takes any bytes, another valid UTF-8.
func (s *Session) Append(dst []int32, word string) []int32 {
	if s.m.spec.IgnoreMerges {
		if id, ok := s.m.words[word]; ok {
			return append(dst, id)
		}
	}
	if !s.m.cut {
		return s.word(dst, word)
	}
	last, begin := '▁', 0
	for i, r := range word {
		if r == '▁' && last != '▁' {
			if _, joined := s.m.joined[last]; !joined {
				dst = s.word(dst, word[begin:i])
				begin = i
			}
		}
		last = r
	}
	return s.word(dst, word[begin:])
}

// split appends the symbols of a word to s.symbols.
func (s *Session) split(word string) {
	m := s.m
	if m.spec.Bytes {
		for i := range len(word) {
			if id := m.bytes[word[i]]; id >= 0 {
				s.known(id)
			} else {
				s.unknown()
			}
		}
	} else {
		for i, r := range word {
			id := int32(-1)
			if r < utf8.RuneSelf {
				id = m.bytes[r]
			} else if known, ok := m.runes[r]; ok {
				id = known
			}
			if id >= 0 {
				s.known(id)
			} else if !s.fallback(word[i : i+utf8.RuneLen(r)]) {
				s.unknown()
			}
		}
	}
	s.flush()
}

// known adds a symbol of the vocabulary.
func (s *Session) known(id int32) {
	s.flush()
	s.symbols = append(s.symbols, id)
}

// unknown notes a character without a symbol; the token is added when the run of them ends, or at once unless they are fused.
func (s *Session) unknown() {
	if !s.m.spec.FuseUnknown {
		s.flush()
	}
	s.pending = s.m.unknown >= 0
}

func (s *Session) flush() {
	if s.pending {
		s.symbols = append(s.symbols, s.m.unknown)
		s.pending = false
	}
}

// fallback adds a character as its bytes if all of them have a token. As in the crate, a pending unknown token comes after them.
func (s *Session) fallback(char string) bool {
	if !s.m.spec.ByteFallback {
		return false
	}
	for i := range len(char) {
		if s.m.hex[char[i]] < 0 {
			return false
		}
	}
	for i := range len(char) {
		s.symbols = append(s.symbols, s.m.hex[char[i]])
	}
	return true
}

// alphabet is the character that stands for each byte in a byte-level vocabulary: itself where it is printable in Latin-1, and from
// U+0100 on for the others, in their order. Source: bytes_to_unicode of GPT-2's encoder.
var alphabet, letters = func() (of [256]rune, back map[rune]byte) {
	back = make(map[rune]byte, 256)
	next := rune(0x100)
	for b := range 256 {
		if printable := '!' <= b && b <= '~' || 0xA1 <= b && b <= 0xAC || 0xAE <= b; printable {
			of[b] = rune(b)
		} else {
			of[b] = next
			next++
		}
		back[of[b]] = byte(b)
	}
	return of, back
}()

// Raw returns the bytes that a token written in the byte-level alphabet stands for, and false if it is not written in it.
func Raw(token string) (string, bool) {
	var b strings.Builder
	for _, r := range token {
		c, ok := letters[r]
		if !ok {
			return "", false
		}
		b.WriteByte(c)
	}
	return b.String(), true
}

// Spell writes bytes in the byte-level alphabet.
func Spell(raw string) string {
	var b strings.Builder
	for i := range len(raw) {
		b.WriteRune(alphabet[raw[i]])
	}
	return b.String()
}
