package ucd

import (
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// A rankRun gives the code points first to last one combining class.
type rankRun struct {
	first, last rune
	rank        uint8
}

// A decomposition is a code point's whole canonical decomposition.
type decomposition struct {
	of rune
	to string
}

// A counting gives each of first to last a compatibility decomposition, whose last character counts up with them.
type counting struct {
	first, last rune
	to          string
}

// Hangul syllables are composed by arithmetic: The Unicode Standard, 3.12.
const (
	hangulS, hangulL, hangulV, hangulT = 0xAC00, 0x1100, 0x1161, 0x11A7
	countL, countV, countT             = 19, 21, 28
	countS                             = countL * countV * countT
)

// normalForms is the tables in the order in which they are asked.
type normalForms struct {
	rank     map[rune]uint8    // combining class by order, for those that have one
	whole    map[rune]string   // canonical decomposition
	compat   map[rune]string   // compatibility decomposition, where it is another
	compose  map[[2]rune]rune  // primary composites
	unstable map[rune]struct{} // what NFC may change or reorder, or join to what is before it
}

var forms = sync.OnceValue(func() *normalForms {
	f := &normalForms{map[rune]uint8{}, map[rune]string{}, map[rune]string{}, map[[2]rune]rune{}, map[rune]struct{}{}}
	for _, r := range ranks {
		for c := r.first; c <= r.last; c++ {
			f.rank[c] = r.rank
			f.unstable[c] = struct{}{}
		}
	}
	for _, c := range excluded {
		f.unstable[c] = struct{}{}
	}
	composite := map[string]rune{} // whole decomposition -> what NFC makes of it
	for _, d := range canonical {
		f.whole[d.of] = d.to
		if _, never := slices.BinarySearch(excluded[:], d.of); !never {
			composite[d.to] = d.of
		}
	}
	for _, half := range [...][]counting{compatibility1[:], compatibility2[:]} {
		for _, d := range half {
			last, size := utf8.DecodeLastRuneInString(d.to)
			for c := d.first; c <= d.last; c++ {
				f.compat[c] = d.to[:len(d.to)-size] + string(last+c-d.first)
			}
		}
	}
	for to, c := range composite {
		last, size := utf8.DecodeLastRuneInString(to)
		first, n := utf8.DecodeRuneInString(to)
		if head := to[:len(to)-size]; n < len(head) {
			first = composite[head]
		}
		f.compose[[2]rune{first, last}] = c
		f.unstable[last] = struct{}{}
	}
	for c := rune(hangulV); c < hangulV+countV; c++ {
		f.unstable[c] = struct{}{}
	}
	for c := rune(hangulT + 1); c < hangulT+countT; c++ {
		f.unstable[c] = struct{}{}
	}
	return f
})

// NFC returns the canonical composition of s, and s itself where nothing changes. Only what is around code points that can change is
// looked at twice: from the last stable one before them to the next.
func NFC(s string) string {
	f := forms()
	var out strings.Builder
	done := 0   // s[:done] is in out
	stable := 0 // start of the last stable code point
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			stable = i
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		if _, ok := f.unstable[r]; !ok {
			stable = i
			i += n
			continue
		}
		end := i + n
		for end < len(s) {
			r, n := utf8.DecodeRuneInString(s[end:])
			if _, ok := f.unstable[r]; !ok {
				break
			}
			end += n
		}
		out.WriteString(s[done:stable])
		for _, r := range f.composed(f.decomposed(s[stable:end], false)) {
			out.WriteRune(r)
		}
		done, stable, i = end, end, end
	}
	if done == 0 {
		return s
	}
	out.WriteString(s[done:])
	return out.String()
}

// NFD returns the canonical decomposition of s.
func NFD(s string) string {
	if ascii(s) {
		return s
	}
	return string(forms().decomposed(s, false))
}

// NFKD returns the compatibility decomposition of s.
func NFKD(s string) string {
	if ascii(s) {
		return s
	}
	return string(forms().decomposed(s, true))
}

// NFKC returns the canonical composition of the compatibility decomposition of s.
func NFKC(s string) string {
	if ascii(s) {
		return s
	}
	f := forms()
	return string(f.composed(f.decomposed(s, true)))
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// decomposed returns s decomposed, the marks after each starter in the order of their classes.
func (f *normalForms) decomposed(s string, compat bool) []rune {
	out := make([]rune, 0, len(s))
	for _, r := range s {
		if n := r - hangulS; 0 <= n && n < countS {
			out = append(out, hangulL+n/(countV*countT), hangulV+n/countT%countV)
			if t := n % countT; t != 0 {
				out = append(out, hangulT+t)
			}
		} else if to, ok := f.compat[r]; ok && compat {
			out = append(out, []rune(to)...)
		} else if to, ok := f.whole[r]; ok {
			out = append(out, []rune(to)...)
		} else {
			out = append(out, r)
		}
	}
	for i := 0; i < len(out); {
		j := i
		for j < len(out) && f.rank[out[j]] != 0 {
			j++
		}
		slices.SortStableFunc(out[i:j], func(a, b rune) int { return int(f.rank[a]) - int(f.rank[b]) })
		i = max(j, i+1)
	}
	return out
}

// composed composes decomposed code points in place: each joins the last starter where the pair has a composite and nothing between
// them has a class of its own or more.
func (f *normalForms) composed(rs []rune) []rune {
	out := rs[:0]
	starter := -1    // index in out
	last := uint8(0) // rank of out's end if that is not the starter
	for _, r := range rs {
		rank := f.rank[r]
		if starter >= 0 && (starter == len(out)-1 || last != 0 && last < rank) {
			if c, ok := f.pair(out[starter], r); ok {
				out[starter] = c
				continue
			}
		}
		if rank == 0 {
			starter = len(out)
		}
		last = rank
		out = append(out, r)
	}
	return out
}

// pair returns the composite of two code points.
func (f *normalForms) pair(a, b rune) (rune, bool) {
	if l, v := a-hangulL, b-hangulV; 0 <= l && l < countL && 0 <= v && v < countV {
		return hangulS + (l*countV+v)*countT, true
	}
	if s, t := a-hangulS, b-hangulT; 0 <= s && s < countS && s%countT == 0 && 0 < t && t < countT {
		return a + t, true
	}
	c, ok := f.compose[[2]rune{a, b}]
	return c, ok
}
