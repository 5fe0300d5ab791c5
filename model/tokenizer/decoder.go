package tokenizer

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/bpe"
	"github.com/steelyard-ml/steelyard/model/tokenizer/internal/wordmark"
)

// decoderOf returns the decoder of a component, nil for none.
func decoderOf(c component) (decoder, error) {
	if c.absent() {
		return nil, nil
	}
	kind, err := c.kind()
	if err != nil {
		return nil, err
	}
	switch kind {
	case "BPEDecoder", "CTC", "WordPiece":
		return wordDecoderOf(kind, c)
	case "ByteLevel":
		var f struct {
			typed
			AddPrefixSpace bool `json:"add_prefix_space"` // no decoder reads these three
			TrimOffsets    bool `json:"trim_offsets"`
			UseRegex       bool `json:"use_regex"`
		}
		return byteLevelDecoder{}, c.fields(&f)
	case "ByteFallback":
		return byteFallback{}, c.fields(&typed{})
	case "Fuse":
		return fuse{}, c.fields(&typed{})
	case "Metaspace":
		var f metaspaceFields
		if err := c.fields(&f); err != nil {
			return nil, err
		}
		where, err := f.scheme(c)
		return metaspaceDecoder{f.Replacement, where != "never"}, err
	case "Replace":
		return replaceOf(c)
	case "Sequence":
		return decodersOf(c)
	case "Strip":
		var f struct {
			typed
			Content string `json:"content"`
			Start   int    `json:"start"`
			Stop    int    `json:"stop"`
		}
		if err := c.fields(&f); err != nil {
			return nil, err
		}
		if len([]rune(f.Content)) != 1 || f.Start < 0 || f.Stop < 0 {
			return nil, fmt.Errorf("%s: Strip needs a content of one character and counts of at least 0", c.path)
		}
		return strip{f.Content, f.Start, f.Stop}, nil
	}
	return nil, c.unknown(kind, "BPEDecoder", "ByteFallback", "ByteLevel", "CTC", "Fuse", "Metaspace", "Replace", "Sequence", "Strip", "WordPiece")
}

// wordDecoderOf returns a decoder that marks of words make: each is a list of tokens to a list of tokens, so a few lines.
func wordDecoderOf(kind string, c component) (decoder, error) {
	switch kind {
	case "BPEDecoder":
		var f struct {
			typed
			Suffix *string `json:"suffix"`
		}
		if err := c.fields(&f); err != nil {
			return nil, err
		}
		if f.Suffix == nil {
			return nil, fmt.Errorf("%s: BPEDecoder needs a suffix", c.path)
		}
		return tokensDecoder(func(tokens []string) []string { return wordmark.Ended(tokens, *f.Suffix) }), nil
	case "CTC":
		var f struct {
			typed
			Pad       *string `json:"pad_token"`
			Delimiter *string `json:"word_delimiter_token"`
			Cleanup   *bool   `json:"cleanup"`
		}
		if err := c.fields(&f); err != nil {
			return nil, err
		}
		if f.Pad == nil || f.Delimiter == nil || f.Cleanup == nil {
			return nil, fmt.Errorf("%s: CTC needs pad_token, word_delimiter_token and cleanup", c.path)
		}
		return tokensDecoder(func(tokens []string) []string { return wordmark.CTC(tokens, *f.Pad, *f.Delimiter, *f.Cleanup) }), nil
	}
	var f struct {
		typed
		Prefix  *string `json:"prefix"`
		Cleanup *bool   `json:"cleanup"`
	}
	if err := c.fields(&f); err != nil {
		return nil, err
	}
	if f.Prefix == nil || f.Cleanup == nil {
		return nil, fmt.Errorf("%s: WordPiece needs prefix and cleanup", c.path)
	}
	return tokensDecoder(func(tokens []string) []string { return wordmark.Continued(tokens, *f.Prefix, *f.Cleanup) }), nil
}

// A tokensDecoder is a decoder that is a function of the tokens.
type tokensDecoder func(tokens []string) []string

func (d tokensDecoder) decode(tokens []string) []string { return d(tokens) }

// decoders are applied one after the other.
type decoders []decoder

func decodersOf(c component) (decoder, error) {
	var f struct {
		typed
		Decoders []json.RawMessage `json:"decoders"`
	}
	if err := c.fields(&f); err != nil {
		return nil, err
	}
	var all decoders
	for _, part := range c.parts(f.Decoders, "decoders") {
		d, err := decoderOf(part)
		if err != nil {
			return nil, err
		}
		if d != nil {
			all = append(all, d)
		}
	}
	return all, nil
}

func (all decoders) decode(tokens []string) []string {
	for _, d := range all {
		tokens = d.decode(tokens)
	}
	return tokens
}

// byteLevelDecoder joins the tokens and undoes the byte-level alphabet; a token that is not written in it stays as it is.
type byteLevelDecoder struct{}

func (byteLevelDecoder) decode(tokens []string) []string {
	var b strings.Builder
	for _, token := range tokens {
		if raw, ok := bpe.Raw(token); ok {
			token = raw
		}
		b.WriteString(token)
	}
	return []string{valid(b.String())}
}

// valid replaces each maximal part of a character that is no whole one by U+FFFD (The Unicode Standard, 3.9, U+FFFD Substitution of
// Maximal Subparts), as Rust does. Go's own functions replace each byte, or a whole run.
func valid(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && n == 1 {
			n = subpart(s[i:])
		}
		b.WriteRune(r)
		i += n
	}
	return b.String()
}

// subpart returns how long the beginning of a character is that s begins with, at least 1.
func subpart(s string) int {
	// A beginning is what some continuation makes whole: continuation bytes 80 to BF, after E0 from A0, after F0 from 90, after ED up
	// to 9F, after F4 up to 8F.
	for n := min(3, len(s)); n > 1; n-- {
		for _, rest := range [...]string{"\x80", "\x80\x80"} {
			if r, size := utf8.DecodeRuneInString(s[:n] + rest); r != utf8.RuneError && size == n+len(rest) {
				return n
			}
		}
	}
	return 1
}

// byteFallback joins runs of tokens <0x00> to <0xFF> to the text of their bytes, or to as many U+FFFD where it is not UTF-8.
type byteFallback struct{}

func (byteFallback) decode(tokens []string) []string {
	var out []string
	var run []byte
	flush := func() {
		switch {
		case len(run) == 0:
		case utf8.Valid(run):
			out = append(out, string(run))
		default:
			out = append(out, strings.Repeat("\uFFFD", len(run)))
		}
		run = run[:0]
	}
	for _, token := range tokens {
		if len(token) == 6 && strings.HasPrefix(token, "<0x") && token[5] == '>' {
			if b, err := strconv.ParseUint(token[3:5], 16, 8); err == nil {
				run = append(run, byte(b))
				continue
			}
		}
		flush()
		out = append(out, token)
	}
	flush()
	return out
}

// fuse joins all tokens.
type fuse struct{}

func (fuse) decode(tokens []string) []string { return []string{strings.Join(tokens, "")} }

// strip takes up to start and stop times a character off the ends of every token.
type strip struct {
	content     string
	start, stop int
}

func (s strip) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		for n := 0; n < s.start && strings.HasPrefix(token, s.content); n++ {
			token = token[len(s.content):]
		}
		for n := 0; n < s.stop && strings.HasSuffix(token, s.content); n++ {
			token = token[:len(token)-len(s.content)]
		}
		out[i] = token
	}
	return out
}

func (r replace) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		out[i] = r.normalize(token)
	}
	return out
}

// metaspaceDecoder writes spaces again; begun says that the first token's are not of the text.
type metaspaceDecoder struct {
	space string
	begun bool
}

func (m metaspaceDecoder) decode(tokens []string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		if i == 0 && m.begun {
			out[i] = strings.ReplaceAll(token, m.space, "")
		} else {
			out[i] = strings.ReplaceAll(token, m.space, " ")
		}
	}
	return out
}
