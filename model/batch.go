package model

// A Group is one prompt and the completions that continue from it, in a flat run of tokens: the prompt's tokens, then those of
// completion 0, completion 1, and so on. A preference pair is a group of two completions, chosen and rejected.
//
// Every completion starts at position Prompt and attends to the prompt and to itself, never to another completion; so the prompt is
// computed once, in both passes.
type Group struct {
	Prompt      int   // tokens of the prompt, at least 1
	Completions []int // tokens of each completion, each at least 1
}

// Tokens returns how many tokens the group takes in a batch.
func (g Group) Tokens() int {
	n := g.Prompt
	for _, c := range g.Completions {
		n += c
	}
	return n
}

// A Batch is a flat run of tokens without padding: the groups' tokens, one after the other.
type Batch struct {
	Tokens []int32 // (T)
	Groups []Group
}

// Add appends a group of a prompt and its completions.
func (b *Batch) Add(prompt []int32, completions ...[]int32) {
	g := Group{Prompt: len(prompt)}
	b.Tokens = append(b.Tokens, prompt...)
	for _, c := range completions {
		g.Completions = append(g.Completions, len(c))
		b.Tokens = append(b.Tokens, c...)
	}
	b.Groups = append(b.Groups, g)
}

// Scored returns N, the number of completion tokens: what an engine returns values for, in the order of Tokens with the prompts left
// out.
func (b *Batch) Scored() int {
	n := 0
	for _, g := range b.Groups {
		for _, c := range g.Completions {
			n += c
		}
	}
	return n
}
