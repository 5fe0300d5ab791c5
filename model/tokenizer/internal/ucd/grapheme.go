package ucd

import (
	"sort"
	"unicode/utf8"
)

// A graphemeClass says where grapheme clusters may break. Regional indicators are none of them: a cluster of two is of eight bytes, and
// which clusters there are of six bytes or more changes nothing for the crate.
type graphemeClass uint8

const (
	gAny graphemeClass = iota
	gControl
	gCR
	gLF
	gZWJ
	gSpacing   // spacing marks
	gExtend    // the next two are of them, too
	gLink      // may be between a consonant and a linker
	gLinker    // joins consonants
	gPrepend   // joins what is after it
	gPicture   // extended pictographs
	gConsonant // of scripts with conjuncts
	gL         // Hangul
	gV
	gT
	gLV
	gLVT
)

// A graphemeRun is a first code point and the class of it and all up to the next run.
type graphemeRun struct {
	first rune
	class graphemeClass
}

func graphemeOf(r rune) graphemeClass {
	if 0x20 <= r && r < 0x7F {
		return gAny
	}
	if n := r - hangulS; 0 <= n && n < countS {
		if n%countT == 0 {
			return gLV
		}
		return gLVT
	}
	i := sort.Search(len(graphemeRuns), func(i int) bool { return graphemeRuns[i].first > r })
	return graphemeRuns[i-1].class
}

// Grapheme returns how many bytes of s its first extended grapheme cluster has: UAX #29, GB3 to GB11. Clusters of regional indicators are
// cut to one each; see graphemeClass.
func Grapheme(s string) int {
	r, end := utf8.DecodeRuneInString(s)
	last := graphemeOf(r)
	// What the classes before end are, for the rules that look further back than one.
	picture := last == gPicture     // a pictograph and extending ones
	joiner := false                 // the same, then a joiner
	consonant := last == gConsonant // a consonant, linkers and what may be between
	linked := false                 // the same with a linker
	for end < len(s) {
		r, n := utf8.DecodeRuneInString(s[end:])
		class := graphemeOf(r)
		if !joins(last, class) && !(class == gPicture && joiner) && !(class == gConsonant && consonant && linked) {
			break
		}
		joiner = class == gZWJ && picture
		picture = class == gPicture || picture && (class == gExtend || class == gLink || class == gLinker)
		linked = class == gLinker || linked && (class == gLink || class == gZWJ)
		consonant = class == gConsonant || consonant && (class == gLinker || class == gLink || class == gZWJ)
		last = class
		end += n
	}
	return end
}

// joins reports whether there is no break between two classes, whatever is before them.
func joins(a, b graphemeClass) bool {
	switch {
	case a == gCR:
		return b == gLF
	case a == gControl || a == gLF || b == gControl || b == gCR || b == gLF:
		return false
	case a == gPrepend || b == gExtend || b == gLink || b == gLinker || b == gZWJ || b == gSpacing:
		return true
	case a == gL:
		return b == gL || b == gV || b == gLV || b == gLVT
	case a == gV || a == gLV:
		return b == gV || b == gT
	case a == gT || a == gLVT:
		return b == gT
	}
	return false
}
