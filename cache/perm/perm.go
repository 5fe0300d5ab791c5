package perm

import (
	"math"
	"math/bits"
)

// permRounds is even, so that both halves pass as often. Four rounds of a Feistel network hide their keys (Luby and Rackoff 1988); eight
// make small n look uniform too, which the tests measure.
const permRounds = 8

// A Perm is a pseudo-random permutation of [0, n) in a few words of memory: a Feistel network on pairs (l, r), l < a, r < b, with a·b
// just above n, walked on until it falls below n (Black and Rogaway 2002, "Ciphers with Arbitrary Finite Domains"). The same seed and n
// give the same permutation everywhere and for ever: a resumed run depends on it.
type Perm struct {
	n, a, b uint64
	keys    [permRounds]uint64
}

// New returns the permutation of [0, n) of a seed. It panics for a negative n.
func New(seed uint64, n int) Perm {
	if n < 0 {
		panic("perm: permutation of a negative number of places")
	}
	p := Perm{n: uint64(n)}
	p.a = uint64(math.Sqrt(float64(n)))
	for p.a*p.a < p.n { // the square root of a large n may be rounded down
		p.a++
	}
	p.a = max(p.a, 1)
	p.b = max((p.n+p.a-1)/p.a, 1)
	for i := range p.keys {
		seed += 0x9e3779b97f4a7c15
		p.keys[i] = mix(seed)
	}
	return p
}

// Len returns n.
func (p Perm) Len() int { return int(p.n) }

// At returns where place i goes: every place below n for exactly one i. It panics unless 0 ≤ i < n.
func (p Perm) At(i int) int {
	if i < 0 || uint64(i) >= p.n {
		panic("perm: place outside of the permutation")
	}
	x := uint64(i)
	for {
		l, r := x/p.b, x%p.b
		for k := 0; k < permRounds; k += 2 {
			l = add(l, below(mix(p.keys[k]^r), p.a), p.a)
			r = add(r, below(mix(p.keys[k+1]^l), p.b), p.b)
		}
		// a·b < n + a, so that a second walk is rare unless n is small.
		if x = l*p.b + r; x < p.n {
			return int(x)
		}
	}
}

// add is (x + y) mod m for x, y < m.
func add(x, y, m uint64) uint64 {
	if s := x + y; s < m {
		return s
	} else {
		return s - m
	}
}

// below brings a uniform x below m, by its high bits.
func below(x, m uint64) uint64 {
	hi, _ := bits.Mul64(x, m)
	return hi
}

// mix is the finalizer of SplitMix64 (Steele, Lea and Flood 2014).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
