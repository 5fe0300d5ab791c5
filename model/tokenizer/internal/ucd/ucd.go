package ucd

// A Category is a general category. Its zero value is Lu.
type Category uint8

// The general categories. Ws takes from Cc the six controls that are white space, so that white space is a set of categories.
const (
	Lu Category = iota
	Ll
	Lt
	Lm
	Lo
	Mn
	Mc
	Me
	Nd
	Nl
	No
	Pc
	Pd
	Ps
	Pe
	Pi
	Pf
	Po
	Sm
	Sc
	Sk
	So
	Zs
	Zl
	Zp
	Cc
	Cf
	Co
	Cn
	Cs
	Ws // U+0009 to U+000D, U+0085
)

// A Set is a set of categories, a bit each.
type Set uint32

// The sets that the known patterns name.
const (
	L     Set = 1<<Lu | 1<<Ll | 1<<Lt | 1<<Lm | 1<<Lo
	M     Set = 1<<Mn | 1<<Mc | 1<<Me
	N     Set = 1<<Nd | 1<<Nl | 1<<No
	Space Set = 1<<Zs | 1<<Zl | 1<<Zp | 1<<Ws
)

// Has reports whether c is in the set.
func (s Set) Has(c Category) bool { return s>>c&1 != 0 }

// In reports whether the category of r is in the set.
func In(r rune, s Set) bool { return s.Has(Of(r)) }

// Of returns the category of r; anything that is no code point is Cn.
func Of(r rune) Category {
	if uint32(r) > maxRune {
		return Cn
	}
	return pages[index[r>>pageBits]][r&(pageSize-1)]
}

const (
	maxRune  = 0x10FFFF
	pageBits = 8
	pageSize = 1 << pageBits
)

// A run is a first code point and the category of it and all up to the next run.
type run struct {
	first    rune
	category Category
}

// index and pages are the categories as a table of two stages: index says which page holds the categories of 256 code points.
var index, pages = paged()

func paged() (*[maxRune/pageSize + 1]uint8, [][pageSize]Category) {
	index := new([maxRune/pageSize + 1]uint8)
	var pages [][pageSize]Category
	seen := map[[pageSize]Category]uint8{}
	next := 0 // first run that begins after the code point at hand
	for i := range index {
		var page [pageSize]Category
		for j := range page {
			r := rune(i*pageSize + j)
			if next < len(runs) && runs[next].first == r {
				next++
			}
			page[j] = runs[next-1].category
			if page[j] == Cc && (0x09 <= r && r <= 0x0D || r == 0x85) {
				page[j] = Ws
			}
		}
		n, ok := seen[page]
		if !ok {
			n = uint8(len(pages))
			seen[page] = n
			pages = append(pages, page)
		}
		index[i] = n
	}
	return index, pages
}

// Named returns the set of a name as \p{…} has it: a category or the letter of several.
func Named(name string) (Set, bool) {
	if s, ok := letters[name]; ok {
		return s, true
	}
	for i, n := range names {
		if n == name {
			s := Set(1) << i
			if Category(i) == Cc {
				s |= 1 << Ws
			}
			return s, true
		}
	}
	return 0, false
}

var names = [...]string{
	"Lu", "Ll", "Lt", "Lm", "Lo", "Mn", "Mc", "Me", "Nd", "Nl", "No", "Pc", "Pd", "Ps", "Pe", "Pi", "Pf", "Po", "Sm", "Sc", "Sk", "So",
	"Zs", "Zl", "Zp", "Cc", "Cf", "Co", "Cn", "Cs",
}

var letters = map[string]Set{
	"L": L, "M": M, "N": N,
	"P": 1<<Pc | 1<<Pd | 1<<Ps | 1<<Pe | 1<<Pi | 1<<Pf | 1<<Po,
	"S": 1<<Sm | 1<<Sc | 1<<Sk | 1<<So,
	"Z": 1<<Zs | 1<<Zl | 1<<Zp,
	"C": 1<<Cc | 1<<Cf | 1<<Co | 1<<Cn | 1<<Cs | 1<<Ws,
}

// Numeric is char::is_numeric of Rust, whose tables are a version of Unicode ahead of those of the regular expressions.
func Numeric(r rune) bool {
	return In(r, N) || 0x11DE0 <= r && r <= 0x11DE9 || 0x16FF4 <= r && r <= 0x16FF6
}

// Word is \w of the crate's regular expressions: letters, marks, decimal digits, letter numbers, connectors, joiners and what else is
// alphabetic.
func Word(r rune) bool {
	const set = L | M | 1<<Nd | 1<<Nl | 1<<Pc
	return In(r, set) || r == 0x200C || r == 0x200D || 0x24B6 <= r && r <= 0x24E9 ||
		0x1F130 <= r && r <= 0x1F149 || 0x1F150 <= r && r <= 0x1F169 || 0x1F170 <= r && r <= 0x1F189
}
