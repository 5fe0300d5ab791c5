package schemas

// A Kind says what the three sides of a Pair hold.
type Kind int32

// The kinds of a pair. The zero value is unset and refused.
const (
	KindText   Kind = 1 // Prompt, Chosen and Rejected are plain text; no template is applied
	KindChat   Kind = 2 // Prompt, Chosen and Rejected are JSON arrays of messages
	KindTokens Kind = 3 // PromptIDs, ChosenIDs and RejectedIDs are token ids; no tokenizer is needed
)

// A Source is the place of a row in the data set of a run.
type Source struct {
	// File is the number of the file in the run's input list, from 0.
	File int32 `json:"file"`
	// Pos is the byte offset of the row in line files (in the decompressed stream) and the row number in Parquet and arrays.
	Pos int64 `json:"pos"`
}

// Less reports whether s comes before t in the order of the data set.
func (s Source) Less(t Source) bool {
	return s.File < t.File || s.File == t.File && s.Pos < t.Pos
}

// A Pair is one row of preference data, before tokenization.
//
// Implicit prompts (chosen and rejected hold the whole dialogue) are already split into prompt and completions, by the rule of
// TRL's extract_prompt.
type Pair struct {
	Source Source
	Kind   Kind

	// Prompt, Chosen and Rejected are text (KindText) or a JSON array of messages (KindChat), each message an object with at
	// least role and content, its other fields kept in order.
	Prompt, Chosen, Rejected string

	// PromptIDs, ChosenIDs and RejectedIDs are set for KindTokens only.
	PromptIDs, ChosenIDs, RejectedIDs []int32

	// Tools is a JSON array of tool descriptions for the chat template, or empty.
	Tools string
	// TemplateArgs is a JSON object of further arguments of the chat template (the column chat_template_kwargs), or empty.
	TemplateArgs string

	// Meta holds the row's other fields as canonical JSON (an object with sorted keys, no white space), or is empty.
	Meta string
	// Raw is the row as it was read, at most [RawLimit] bytes of it: what quarantine shows should a later step refuse the row.
	Raw string
}

// RawLimit is how many bytes of a refused row are kept: 64 KiB.
const RawLimit = 64 << 10

// A PairID names a tokenized pair by its content: 32 hex digits, the first 16 bytes of the SHA-256 over the three id lists after
// the cut to max_length, each as its length and its ids in little-endian int32. Example: "6f1ed002ab5595859014ebf0951522d9".
type PairID = string

// A TokenPair is a pair as token ids, cut to max_length.
type TokenPair struct {
	ID     PairID
	Source Source

	// PromptIDs has at least one token; so have ChosenIDs and RejectedIDs.
	PromptIDs, ChosenIDs, RejectedIDs []int32

	// ChosenTruncated and RejectedTruncated say that max_length cut the completion, so its end of turn is missing.
	ChosenTruncated, RejectedTruncated bool
	// Diverged says that the prompt's tokens were no prefix of both sequences and the completions start where those diverge.
	Diverged bool

	Meta string
	Raw  string
}

// A CachedPair is a TokenPair with the reference's values: a row of a part, and with Source and Meta a row of a view.
//
// Log-probabilities are natural logs. The sums are float64 sums, in order, of the float32 token values.
type CachedPair struct {
	TokenPair

	RefChosenLogps, RefRejectedLogps float64
	// One value a completion token, in order.
	RefChosenTokenLogps, RefRejectedTokenLogps []float32
}
