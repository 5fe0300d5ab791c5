package unigram

import (
	"fmt"
	"math"
	"strconv"
)

// A Score is the log-probability of a piece. It is read from JSON as serde_json does without its feature float_roundtrip: up to 64 bits
// of digits as an integer, times or divided by a power of ten, which rounds twice.
type Score float64

var powers = func() (p [309]float64) {
	for i := range p {
		p[i], _ = strconv.ParseFloat(fmt.Sprintf("1e%d", i), 64)
	}
	return p
}()

// UnmarshalJSON reads a number.
func (s *Score) UnmarshalJSON(data []byte) error {
	text, negative := data, false
	if len(text) > 0 && text[0] == '-' {
		text, negative = text[1:], true
	}
	if len(text) == 0 || text[0] < '0' || text[0] > '9' {
		return fmt.Errorf("score %.20s is not a number", data)
	}
	digits, exponent, full, point := uint64(0), 0, false, false
	i := 0
	for ; i < len(text); i++ {
		if text[i] == '.' {
			point = true
			continue
		}
		if text[i] < '0' || text[i] > '9' {
			break
		}
		d := uint64(text[i] - '0')
		// Once a digit does not fit, all further ones count as places only.
		if full = full || digits > math.MaxUint64/10 || digits == math.MaxUint64/10 && d > math.MaxUint64%10; !full {
			digits = digits*10 + d
		}
		switch {
		case full && !point:
			exponent++
		case !full && point:
			exponent--
		}
	}
	if i < len(text) { // e or E: the JSON is valid
		e, err := strconv.Atoi(string(text[i+1:]))
		if err != nil {
			return fmt.Errorf("score %.20s is out of range", data)
		}
		exponent += e
	}
	value, err := scaled(float64(digits), exponent)
	if err != nil {
		return fmt.Errorf("score %.20s %w", data, err)
	}
	if negative {
		value = -value
	}
	*s = Score(value)
	return nil
}

// scaled returns f·10^exponent.
func scaled(f float64, exponent int) (float64, error) {
	for exponent < -308 {
		if f == 0 {
			return 0, nil
		}
		f /= 1e308
		exponent += 308
	}
	if exponent > 308 {
		if f == 0 {
			return 0, nil
		}
		return 0, fmt.Errorf("is out of range")
	}
	if exponent < 0 {
		return f / powers[-exponent], nil
	}
	if f *= powers[exponent]; math.IsInf(f, 0) {
		return 0, fmt.Errorf("is out of range")
	}
	return f, nil
}
