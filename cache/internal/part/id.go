package part

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"

	"github.com/steelyard-ml/steelyard/schemas"
)

// A Key is a pair id as keys files and indexes hold it.
type Key [16]byte

func (k Key) String() string { return hex.EncodeToString(k[:]) }

// KeyOf returns the key of the three id lists of a pair: the first 16 bytes of SHA-256 over
//
//	int32(len(prompt)) prompt… int32(len(chosen)) chosen… int32(len(rejected)) rejected…
//
// each number as four little-endian bytes.
func KeyOf(prompt, chosen, rejected []int32) Key {
	h := sha256.New()
	var buf [4096]byte
	for _, ids := range [3][]int32{prompt, chosen, rejected} {
		n := 4
		binary.LittleEndian.PutUint32(buf[:], uint32(len(ids)))
		for _, id := range ids {
			if n == len(buf) {
				h.Write(buf[:])
				n = 0
			}
			binary.LittleEndian.PutUint32(buf[n:], uint32(id))
			n += 4
		}
		h.Write(buf[:n])
	}
	return Key(h.Sum(buf[:0])[:16])
}

// ParseKey returns the key of a pair id: 32 lower-case hex digits.
func ParseKey(id schemas.PairID) (Key, error) {
	var k Key
	if len(id) != 2*len(k) {
		return k, fmt.Errorf("pair_id %.64q is not 32 hex digits", id)
	}
	for i := range k {
		hi, lo := nibble(id[2*i]), nibble(id[2*i+1])
		if hi|lo > 15 {
			return k, fmt.Errorf("pair_id %q is not 32 lower-case hex digits", id)
		}
		k[i] = hi<<4 | lo
	}
	return k, nil
}

func nibble(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	}
	return 0xff
}

// Check reports what is wrong with a row of its own: an empty side, an id that is not that of its tokens, counts that are not those of
// its lists, values that are not finite, sums that are not, to the bit, the float64 sums in order of its token values. It tells nothing
// of whether a model gives these values.
func (v *Value) Check() error {
	if len(v.PromptIDs) == 0 || len(v.ChosenIDs) == 0 || len(v.RejectedIDs) == 0 {
		return fmt.Errorf("pair %s has %d prompt, %d chosen and %d rejected ids, each must be 1 or more", v.PairID, len(v.PromptIDs), len(v.ChosenIDs), len(v.RejectedIDs))
	}
	if id := KeyOf(v.PromptIDs, v.ChosenIDs, v.RejectedIDs).String(); id != v.PairID {
		return fmt.Errorf("pair %.64q: its tokens have the id %s", v.PairID, id)
	}
	if int(v.ChosenTokens) != len(v.ChosenIDs) || int(v.RejectedTokens) != len(v.RejectedIDs) {
		return fmt.Errorf("pair %s counts %d chosen and %d rejected tokens, its lists %d and %d", v.PairID, v.ChosenTokens, v.RejectedTokens, len(v.ChosenIDs), len(v.RejectedIDs))
	}
	if err := checkSide(v.PairID, "chosen", v.ChosenIDs, v.RefChosenLogps, v.RefChosenTokenLogps); err != nil {
		return err
	}
	return checkSide(v.PairID, "rejected", v.RejectedIDs, v.RefRejectedLogps, v.RefRejectedTokenLogps)
}

// checkSide checks one completion. A completion has a token, so no token values mean that the file has no such column.
func checkSide(id, side string, ids []int32, sum float64, logps []float32) error {
	if math.IsNaN(sum) || math.IsInf(sum, 0) {
		return fmt.Errorf("pair %s: ref_%s_logps is %v", id, side, sum)
	}
	if len(logps) == 0 {
		return nil
	}
	if len(logps) != len(ids) {
		return fmt.Errorf("pair %s has %d %s ids and %d ref_%s_token_logps", id, len(ids), side, len(logps), side)
	}
	total := 0.0
	for i, x := range logps {
		if x64 := float64(x); math.IsNaN(x64) || math.IsInf(x64, 0) {
			return fmt.Errorf("pair %s: ref_%s_token_logps[%d] is %v", id, side, i, x)
		}
		total += float64(x)
	}
	if math.Float64bits(total) != math.Float64bits(sum) {
		return fmt.Errorf("pair %s: ref_%s_logps is %v, its token values sum to %v", id, side, sum, total)
	}
	return nil
}
