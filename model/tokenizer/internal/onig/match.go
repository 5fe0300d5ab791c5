package onig

import (
	"fmt"
	"sync"
	"unicode/utf8"
)

// Compile returns where an expression matches: its finder returns where the first match at or after from begins and ends, or the end of
// s twice. s is valid UTF-8 and from less than its length.
func Compile(expression string) (find func(s string, from int) (start, end int), err error) {
	p := &parser{src: expression}
	n, err := p.alternatives()
	if err == nil && p.at < len(p.src) {
		err = p.refuse("a ) without its group")
	}
	var steps program
	if err == nil && nullable(n) {
		err = fmt.Errorf("it may match nothing")
	}
	if err == nil {
		steps, err = n.program()
	}
	if err != nil {
		return nil, fmt.Errorf("the regular expression %q is not supported: %w", expression, err)
	}
	pool := sync.Pool{New: func() any { return new(machine) }}
	return func(s string, from int) (int, int) {
		m := pool.Get().(*machine)
		defer pool.Put(m)
		for at := from; at < len(s); {
			if end := m.run(steps, s, at); end >= 0 {
				return at, end
			}
			_, n := utf8.DecodeRuneInString(s[at:])
			at += n
		}
		return len(s), len(s)
	}, nil
}

// A machine holds what is still to be tried.
type machine struct{ later []state }

// A state is to go on with a step at a place of the text. With low < at it stands for all places between characters from at back to low,
// or, with low > at, for all from at forward to low, as long as they are in the set of the run before the step.
type state struct{ step, at, low int }

// run returns the end of the match of a program at a place, −1 for none.
func (m *machine) run(p program, s string, at int) int {
	base := len(m.later)
	defer func() { m.later = m.later[:base] }()
	pc := 0
	tried := 0
	var failed map[[2]int]struct{} // steps and places that led nowhere, noted when much was tried
	for {
		ok := true
		switch i := &p[pc]; i.op {
		case opMatch:
			return at
		case opOne:
			n := i.set.at(s, at)
			at += n
			ok = n > 0
			pc++
		case opRun:
			at, ok = m.begin(i, pc, s, at)
			pc++
		case opSplit:
			m.later = append(m.later, state{i.b, at, at})
			pc = i.a
		case opJump:
			pc = i.a
		case opAhead:
			ok = m.run(i.part, s, at) >= 0 != i.negative
			pc++
		case opAtomic:
			at = m.run(i.part, s, at)
			ok = at >= 0
			pc++
		case opAnchor:
			ok = holds(i.kind, s, at)
			pc++
		}
		if ok {
			continue
		}
	back:
		if len(m.later) == base {
			return -1
		}
		last := &m.later[len(m.later)-1]
		pc, at = last.step, last.at
		switch {
		case last.low < last.at:
			_, n := utf8.DecodeLastRuneInString(s[:last.at])
			last.at -= n
		case last.low > last.at:
			last.at += p[pc-1].set.at(s, last.at)
		default:
			m.later = m.later[:len(m.later)-1]
		}
		// What a step makes of a place does not depend on the way there. So nothing need be tried twice, and no expression takes longer
		// than its steps times the text.
		if tried++; tried > patience {
			if failed == nil {
				failed = map[[2]int]struct{}{}
			}
			if _, known := failed[[2]int{pc, at}]; known {
				goto back
			}
			failed[[2]int{pc, at}] = struct{}{}
		}
	}
}

// patience is how often a match goes back before it notes what it has tried.
const patience = 1000

// begin takes the characters of a run, and notes where else it could end.
func (m *machine) begin(i *step, pc int, s string, at int) (end int, ok bool) {
	most := i.max
	if i.lazy {
		most = i.min
	}
	count, least := 0, at
	for count != most {
		n := i.set.at(s, at)
		if n == 0 {
			break
		}
		at += n
		if count++; count == i.min {
			least = at
		}
	}
	if count < i.min {
		return at, false
	}
	switch {
	case i.lazy && i.max != i.min:
		far := at
		for ; count != i.max; count++ {
			n := i.set.at(s, far)
			if n == 0 {
				break
			}
			far += n
		}
		if far > at {
			m.later = append(m.later, state{pc + 1, at + i.set.at(s, at), far})
		}
	case least < at && !i.keep:
		_, n := utf8.DecodeLastRuneInString(s[:at])
		m.later = append(m.later, state{pc + 1, at - n, least})
	}
	return at, true
}

// holds reports whether an anchor does.
func holds(k kind, s string, at int) bool {
	switch k {
	case lineBegin: // not behind a newline that ends the text
		return at == 0 || s[at-1] == '\n' && at < len(s)
	case lineEnd:
		return at == len(s) || s[at] == '\n'
	}
	before, n := utf8.DecodeLastRuneInString(s[:at])
	after, size := utf8.DecodeRuneInString(s[at:])
	edge := (n > 0 && word(before)) != (size > 0 && word(after))
	return edge == (k == wordEdge)
}
