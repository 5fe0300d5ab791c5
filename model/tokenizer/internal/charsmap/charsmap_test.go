package charsmap

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// TestLies checks that a trie of any units leads to no panic.
func TestLies(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	for range 20000 {
		n := 1 + r.IntN(8)
		data := binary.LittleEndian.AppendUint32(nil, uint32(4*n+r.IntN(4)))
		for range n {
			// Small offsets and the labels of the text, so that many lead somewhere.
			data = binary.LittleEndian.AppendUint32(data, uint32(r.IntN(8))|uint32(r.IntN(2))<<8|uint32(r.IntN(2))<<9|uint32(r.IntN(8))<<10|uint32(r.IntN(8)/7)<<31)
		}
		data = append(data, "é\x00日"[:2+r.IntN(2)]...)
		m, err := Parse(data)
		if err != nil {
			t.Fatal(err)
		}
		m.Normalize("\x01\x02\x03\x04\x05\x06\x07 \x01\u0301")
		m.Growth()
	}
}
