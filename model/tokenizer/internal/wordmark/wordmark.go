package wordmark

import (
	"slices"
	"strings"
)

// Continued is WordPiece: a token that begins with the prefix continues a word, any other but the first begins one after a space.
func Continued(tokens []string, prefix string, clean bool) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		if rest, ok := strings.CutPrefix(token, prefix); ok && i > 0 {
			token = rest
		} else if i > 0 {
			token = " " + token
		}
		if clean {
			token = cleanup(token)
		}
		out[i] = token
	}
	return out
}

// Ended is BPEDecoder: the suffix ends a word, so it is a space in all tokens but the last.
func Ended(tokens []string, suffix string) []string {
	out := make([]string, len(tokens))
	for i, token := range tokens {
		if i < len(tokens)-1 {
			out[i] = strings.ReplaceAll(token, suffix, " ")
		} else {
			out[i] = strings.ReplaceAll(token, suffix, "")
		}
	}
	return out
}

// CTC takes repeated tokens for one, takes the padding away and, with clean, writes delimiters as spaces.
func CTC(tokens []string, pad, delimiter string, clean bool) []string {
	var out []string
	for _, token := range slices.Compact(slices.Clone(tokens)) {
		token = strings.ReplaceAll(token, pad, "")
		if clean {
			token = strings.ReplaceAll(cleanup(token), delimiter, " ")
		}
		if token != "" {
			out = append(out, token)
		}
	}
	return out
}

// cleanup takes spaces before punctuation and contractions away.
func cleanup(s string) string {
	for _, c := range [...][2]string{
		{" .", "."}, {" ?", "?"}, {" !", "!"}, {" ,", ","}, {" ' ", "'"}, {" n't", "n't"}, {" 'm", "'m"}, {" do not", " don't"}, {" 's", "'s"},
		{" 've", "'ve"}, {" 're", "'re"},
	} {
		s = strings.ReplaceAll(s, c[0], c[1])
	}
	return s
}
