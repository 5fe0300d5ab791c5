package onig

import "fmt"

// A step is an instruction of a program.
type step struct {
	op       op
	set      *set
	min, max int     // of a run, in characters; max −1 for no bound
	a, b     int     // where to go on: a first, then b
	part     program // of a look-ahead or an atomic group
	negative bool
	lazy     bool // of a run
	keep     bool // of a run: possessive
	kind     kind // of an anchor
}

type program []step

type op uint8

const (
	opOne op = iota
	opRun
	opSplit
	opJump
	opAhead
	opAtomic
	opAnchor
	opMatch
)

const maxSteps = 20000

// A compiler turns nodes into steps.
type compiler struct{ steps program }

func (c *compiler) emit(s step) (int, error) {
	if len(c.steps) >= maxSteps {
		return 0, fmt.Errorf("more than %d steps", maxSteps)
	}
	c.steps = append(c.steps, s)
	return len(c.steps) - 1, nil
}

// program compiles a node as a program of its own.
func (n *node) program() (program, error) {
	var c compiler
	if err := c.node(n); err != nil {
		return nil, err
	}
	_, err := c.emit(step{op: opMatch})
	return c.steps, err
}

func (c *compiler) node(n *node) (err error) {
	switch n.kind {
	case sequence:
		for _, part := range n.parts {
			if err := c.node(part); err != nil {
				return err
			}
		}
	case alternatives:
		return c.alternatives(n)
	case one:
		n.set.finish()
		_, err = c.emit(step{op: opOne, set: n.set})
	case repeat:
		return c.repeat(n)
	case ahead, atomic:
		s := step{op: opAhead, negative: n.negative}
		if n.kind == atomic {
			s.op = opAtomic
		}
		if s.part, err = n.parts[0].program(); err != nil {
			return err
		}
		_, err = c.emit(s)
	default:
		_, err = c.emit(step{op: opAnchor, kind: n.kind})
	}
	return err
}

func (c *compiler) alternatives(n *node) error {
	var ends []int
	for i, part := range n.parts {
		if i == len(n.parts)-1 {
			if err := c.node(part); err != nil {
				return err
			}
			break
		}
		split, err := c.emit(step{op: opSplit})
		if err != nil {
			return err
		}
		c.steps[split].a = len(c.steps)
		if err := c.node(part); err != nil {
			return err
		}
		end, err := c.emit(step{op: opJump})
		if err != nil {
			return err
		}
		ends = append(ends, end)
		c.steps[split].b = len(c.steps)
	}
	for _, end := range ends {
		c.steps[end].a = len(c.steps)
	}
	return nil
}

// repeat compiles a repeat. Of one character it is a run; of more it must be such that there is one way to repeat it.
func (c *compiler) repeat(n *node) error {
	inner := n.parts[0]
	for inner.kind == sequence && len(inner.parts) == 1 {
		inner = inner.parts[0]
	}
	if inner.kind == one {
		inner.set.finish()
		_, err := c.emit(step{op: opRun, set: inner.set, min: n.min, max: n.max, lazy: n.mode == lazy, keep: n.mode == possessive})
		return err
	}
	if nullable(inner) {
		return fmt.Errorf("a quantifier after what may match nothing")
	}
	if n.max != 1 && length(inner) <= 0 {
		return fmt.Errorf("a group that is repeated and may have more than one length")
	}
	if n.mode == possessive {
		plain := *n
		plain.mode = greedy
		part, err := plain.program()
		if err != nil {
			return err
		}
		_, err = c.emit(step{op: opAtomic, part: part})
		return err
	}
	for range n.min {
		if err := c.node(inner); err != nil {
			return err
		}
	}
	if n.max == unbounded {
		return c.option(inner, n.mode)
	}
	return c.options(inner, n.mode, n.max-n.min)
}

// options compiles up to n more of a node.
func (c *compiler) options(inner *node, m mode, n int) error {
	var splits []int
	for range n {
		split, err := c.emit(step{op: opSplit})
		if err != nil {
			return err
		}
		splits = append(splits, split)
		if err := c.node(inner); err != nil {
			return err
		}
	}
	for _, split := range splits {
		c.branch(split, m)
	}
	return nil
}

// option compiles any number of a node.
func (c *compiler) option(inner *node, m mode) error {
	split, err := c.emit(step{op: opSplit})
	if err != nil {
		return err
	}
	if err := c.node(inner); err != nil {
		return err
	}
	if _, err := c.emit(step{op: opJump, a: split}); err != nil {
		return err
	}
	c.branch(split, m)
	return nil
}

// branch lets a split enter what follows it or go to the end, in the order of the mode.
func (c *compiler) branch(split int, m mode) {
	in, out := split+1, len(c.steps)
	if m == lazy {
		in, out = out, in
	}
	c.steps[split].a, c.steps[split].b = in, out
}

// length returns how many characters a node matches, −1 where that depends on the text or on which of its alternatives matches.
func length(n *node) int {
	switch n.kind {
	case one:
		return 1
	case sequence:
		sum := 0
		for _, part := range n.parts {
			l := length(part)
			if l < 0 {
				return -1
			}
			sum += l
		}
		return sum
	case repeat:
		if l := length(n.parts[0]); l >= 0 && n.min == n.max {
			return l * n.min
		}
		return -1
	case ahead, lineBegin, lineEnd, wordEdge, notWordEdge:
		return 0
	}
	return -1
}

// nullable reports whether a node may match the empty string.
func nullable(n *node) bool {
	switch n.kind {
	case one:
		return false
	case sequence, atomic:
		for _, part := range n.parts {
			if !nullable(part) {
				return false
			}
		}
		return true
	case alternatives:
		for _, part := range n.parts {
			if nullable(part) {
				return true
			}
		}
		return false
	case repeat:
		return n.min == 0 || nullable(n.parts[0])
	}
	return true
}
