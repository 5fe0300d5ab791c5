package tokenize

import (
	"fmt"
	"slices"

	"github.com/steelyard-ml/steelyard/schemas"
)

// check refuses a pair that can't be scored and cuts the others to max_length, as TRL's keep_start does: a pair whose prompt
// reaches max_length is dropped, else each sequence keeps its first max_length tokens.
func (e *Encoder) check(t *schemas.TokenPair) *refusal {
	if len(t.PromptIDs) == 0 {
		if t.Diverged {
			return &refusal{schemas.CodeEmptyPrompt, "the prompt shares no leading token with a sequence, so nothing is left of it"}
		}
		return &refusal{schemas.CodeEmptyPrompt, "the prompt has no token, and the first token of a completion needs one before it"}
	}
	for _, side := range []struct {
		name string
		ids  []int32
	}{{"chosen", t.ChosenIDs}, {"rejected", t.RejectedIDs}} {
		if len(side.ids) == 0 {
			return &refusal{schemas.CodeEmptyCompletion, side.name + " has no token to score"}
		}
		if r := e.doubleBOS(t.PromptIDs, side.ids); r != nil {
			return r
		}
	}
	if most := e.MaxLength; most > 0 {
		if len(t.PromptIDs) >= most {
			return &refusal{schemas.CodePromptTooLong, fmt.Sprintf(
				"the prompt's %d tokens reach max_length %d and leave nothing to score", len(t.PromptIDs), most)}
		}
		t.ChosenIDs, t.ChosenTruncated = cut(t.ChosenIDs, most-len(t.PromptIDs))
		t.RejectedIDs, t.RejectedTruncated = cut(t.RejectedIDs, most-len(t.PromptIDs))
	}
	if n := len(t.PromptIDs) + max(len(t.ChosenIDs), len(t.RejectedIDs)); e.Positions > 0 && n > e.Positions {
		return &refusal{schemas.CodeTooManyPositions, fmt.Sprintf(
			"the sequence has %d tokens and the model %d positions: set max_length to at most that", n, e.Positions)}
	}
	for _, ids := range [][]int32{t.PromptIDs, t.ChosenIDs, t.RejectedIDs} {
		for _, id := range ids {
			if id < 0 || e.Vocab > 0 && int(id) >= e.Vocab {
				return &refusal{schemas.CodeBadToken, fmt.Sprintf(
					"token id %d is outside the model's vocabulary of %d: the tokenizer is another model's", id, e.Vocab)}
			}
		}
	}
	if e.Identical == Drop && slices.Equal(t.ChosenIDs, t.RejectedIDs) {
		return &refusal{schemas.CodeIdentical, "chosen and rejected have the same tokens"}
	}
	return nil
}

// doubleBOS refuses a sequence that begins with two beginning-of-sequence tokens: the data or the template writes one, and the
// tokenizer another.
func (e *Encoder) doubleBOS(prompt, completion []int32) *refusal {
	if e.Tokenizer == nil {
		return nil
	}
	_, bos, ok := e.Tokenizer.BOS()
	second := completion[0]
	if len(prompt) > 1 {
		second = prompt[1]
	}
	if ok && prompt[0] == bos && second == bos {
		return &refusal{schemas.CodeDoubleBOS,
			"the sequence begins with two beginning-of-sequence tokens: leave the one in the data or in the template out"}
	}
	return nil
}

// cut returns the first n ids and whether that left any out.
func cut(ids []int32, n int) ([]int32, bool) {
	if len(ids) <= n {
		return ids, false
	}
	return slices.Clip(ids[:n]), true
}
