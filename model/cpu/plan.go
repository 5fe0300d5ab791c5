package cpu

import (
	"fmt"

	"github.com/steelyard-ml/steelyard/model"
	"github.com/steelyard-ml/steelyard/model/cpu/internal/attention"
)

// A plan is what a batch means: which rows attend to which, and which rows predict what.
type plan struct {
	tokens  []int32            // (T)
	pos     []int32            // (T) position of every row
	spans   []attention.Span   // of all groups
	groups  [][]attention.Span // a group's prompt, then its completions
	groupOf []int32            // (T) the group of every row
	copies  []float32          // (T) how many sequences a row stands for: a prompt's, one a completion
	predict []int32            // (N) the row whose hidden state predicts the scored token
	target  []int32            // (N) the scored token
	longest int                // positions needed
}

// lay lays out a batch in the memory of an earlier one, or says what is wrong with it.
func (p *plan) lay(b model.Batch, c *model.Config) error {
	n, segments := len(b.Tokens), 0
	for _, g := range b.Groups {
		segments += 1 + len(g.Completions)
	}
	*p = plan{tokens: b.Tokens, pos: room(p.pos, n), groupOf: room(p.groupOf, n), copies: room(p.copies, n),
		spans: room(p.spans, segments)[:0], groups: p.groups[:0], predict: p.predict[:0], target: p.target[:0]}
	if len(b.Groups) == 0 {
		return fmt.Errorf("cpu: the batch is empty: it needs at least one group")
	}
	row := 0
	for i, g := range b.Groups {
		if err := p.group(g, row); err != nil {
			return fmt.Errorf("cpu: group %d of the batch: %w", i, err)
		}
		row += g.Tokens()
	}
	if row != len(b.Tokens) {
		return fmt.Errorf("cpu: the batch has %d tokens, but its groups have %d", len(b.Tokens), row)
	}
	if p.longest > c.MaxPositions {
		return fmt.Errorf("cpu: a sequence has %d tokens, the model has %d positions (max_position_embeddings): cut it with max_length",
			p.longest, c.MaxPositions)
	}
	for i, id := range b.Tokens {
		if id < 0 || int(id) >= c.Vocab {
			return fmt.Errorf("cpu: token %d of the batch is %d, outside the vocabulary of %d: tokenizer and model do not belong together",
				i, id, c.Vocab)
		}
	}
	p.predictions()
	return nil
}

// sizes returns what the buffers grow with.
func (p *plan) sizes() sizes {
	s := sizes{tokens: len(p.tokens), scored: len(p.target)}
	for _, pos := range p.pos {
		s.keys += int(pos) + 1
	}
	return s
}

// room returns n elements of a buffer, or of a new one where that is too small.
func room[T any](buf []T, n int) []T {
	if cap(buf) < n {
		return make([]T, n)
	}
	return buf[:n]
}

// group places a group's segments from a row on.
func (p *plan) group(g model.Group, row int) error {
	if g.Prompt < 1 {
		return fmt.Errorf("its prompt has %d tokens: the first token of a completion needs one to be predicted from", g.Prompt)
	}
	if len(g.Completions) == 0 {
		return fmt.Errorf("it has no completion")
	}
	first := len(p.spans)
	p.spans = append(p.spans, attention.Span{Row: row, Pos: 0, N: g.Prompt})
	row += g.Prompt
	for i, n := range g.Completions {
		if n < 1 {
			return fmt.Errorf("its completion %d has %d tokens: it needs at least one", i, n)
		}
		p.spans = append(p.spans, attention.Span{Row: row, Pos: g.Prompt, N: n})
		row += n
	}
	if row > len(p.tokens) {
		return fmt.Errorf("it ends at token %d of %d", row, len(p.tokens))
	}
	spans := p.spans[first:len(p.spans):len(p.spans)]
	for k, s := range spans {
		copies := float32(1)
		if k == 0 {
			copies = float32(len(g.Completions))
		}
		for i := range s.N {
			p.pos[s.Row+i] = int32(s.Pos + i)
			p.groupOf[s.Row+i], p.copies[s.Row+i] = int32(len(p.groups)), copies
		}
		p.longest = max(p.longest, s.Pos+s.N)
	}
	p.groups = append(p.groups, spans)
	return nil
}

// predictions lists the scored tokens, each with the row that predicts it: the row before it, or, for the first of a completion, the
// last row of the prompt.
func (p *plan) predictions() {
	for _, spans := range p.groups {
		last := spans[0].Row + spans[0].N - 1
		for _, s := range spans[1:] {
			for i := range s.N {
				from := s.Row + i - 1
				if i == 0 {
					from = last
				}
				p.predict = append(p.predict, int32(from))
				p.target = append(p.target, p.tokens[s.Row+i])
			}
		}
	}
}
