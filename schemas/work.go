package schemas

// A WorkItem is a range of rows of one input file, of a size that takes minutes to score: what a pipeline spreads over its workers.
type WorkItem struct {
	// File is the number of the file in the run's input list; Path names it.
	File int32
	Path string
	// Begin and End bound the range, as Source.Pos counts: byte offsets in line files (a line belongs to the range its first byte
	// lies in), row numbers in Parquet and arrays. End < 0 means to the end of the file.
	Begin, End int64
}

// A Code says why a row was not scored. Codes are stable: scripts may match on them.
type Code = string

// The codes of quarantine. All but CodePromptTooLong and CodeIdentical count as malformed against --max-quarantine.
const (
	CodeBadJSON          Code = "bad_json"           // the row is not valid JSON, or not an object
	CodeBadUTF8          Code = "bad_utf8"           // the row is not valid UTF-8
	CodeMissingField     Code = "missing_field"      // a column that the layout needs is not there, or null
	CodeBadField         Code = "bad_field"          // a column has another type than the layout needs
	CodeUnknownLayout    Code = "unknown_layout"     // no layout fits the row's columns
	CodeUnsupportedField Code = "unsupported_field"  // images, KTO labels: data for another method
	CodeRowTooLarge      Code = "row_too_large"      // the row exceeds --max-row-bytes
	CodeTemplateError    Code = "template_error"     // the chat template refused the messages
	CodeEmptyPrompt      Code = "empty_prompt"       // the prompt has no token
	CodeEmptyCompletion  Code = "empty_completion"   // a completion has no token
	CodePromptNotPrefix  Code = "prompt_not_prefix"  // with --boundary=strict: the prompt's tokens are no prefix of a sequence
	CodeDoubleBOS        Code = "double_bos"         // the sequence starts with two beginning-of-sequence tokens
	CodeBadToken         Code = "bad_token"          // a token id outside the model's vocabulary
	CodeTooManyPositions Code = "too_many_positions" // the sequence is longer than the model has positions
	CodeNonFinite        Code = "non_finite_logp"    // the reference gave NaN or an infinity
	CodeInternal         Code = "internal"           // scoring this row failed inside the program

	CodePromptTooLong Code = "prompt_too_long" // the prompt reaches max_length and leaves nothing to score; dropped as in TRL
	CodeIdentical     Code = "identical"       // with --drop-identical: chosen and rejected have the same tokens
)

// Malformed reports whether rows of a code count against --max-quarantine: rows that are wrong, not rows that a setting left out.
func Malformed(c Code) bool { return c != CodePromptTooLong && c != CodeIdentical }

// A Quarantined is a row that was not scored: a line of quarantine/<run>/part-*.jsonl.
type Quarantined struct {
	Source Source `json:"source"`
	Path   string `json:"path"`   // the input file
	Code   Code   `json:"code"`   // one of the codes above
	Reason string `json:"reason"` // what is wrong with this row and how to mend it
	Raw    string `json:"raw"`    // the row as it was read, at most RawLimit bytes
}
