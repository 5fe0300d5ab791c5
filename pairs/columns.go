package pairs

import (
	"encoding/hex"
	"math"
	"math/big"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/format"
)

// A shape is how the values of a Parquet column become one value.
type shape int

const (
	shapeLeaf shape = iota
	shapeStruct
	shapeList // the LIST annotation, or a field that repeats
	shapeMap  // the MAP annotation
)

// A node is one column of a Parquet schema, with levels as Dremel counts them: a value whose definition level is below def has this
// node missing (null, or an empty list); in a list, a value whose repetition level is rep begins a new element.
type node struct {
	name        string
	shape       shape
	first, last int // its leaf columns, [first, last)
	nullable    bool
	def         int // when the node is there
	// For lists and maps: levels of the repeated field inside.
	elemDef, elemRep int
	// The fields of a struct; the one element of a list; key and value of a map.
	children []*node
	leaf     func(parquet.Value) value
}

// compile builds the node of a column; leaf counts the leaf columns before it. A field that repeats without LIST is a list of what the
// field would be if it stood alone.
func compile(c *parquet.Column, leaf *int) *node {
	n := compileSingle(c, leaf)
	if !c.Repeated() {
		return n
	}
	return &node{
		name: n.name, shape: shapeList, first: n.first, last: n.last,
		elemDef: c.MaxDefinitionLevel(), elemRep: c.MaxRepetitionLevel(), children: []*node{n},
	}
}

// compileSingle builds the node of one instance of a column, whether the column repeats or not.
func compileSingle(c *parquet.Column, leaf *int) *node {
	n := &node{name: c.Name(), first: *leaf, nullable: c.Optional(), def: c.MaxDefinitionLevel()}
	if c.Leaf() {
		*leaf++
		n.last, n.leaf = *leaf, leafValue(c.Type())
		return n
	}
	inner := c.Columns()
	switch repeats := len(inner) == 1 && inner[0].Repeated(); {
	case repeats && isList(c):
		n.shape, n.elemDef, n.elemRep = shapeList, inner[0].MaxDefinitionLevel(), inner[0].MaxRepetitionLevel()
		// Three levels (list, a repeated group, its one field), or two as old writers have it (list, the repeated element).
		if fields := inner[0].Columns(); len(fields) == 1 && inner[0].Name() != "array" && inner[0].Name() != c.Name()+"_tuple" {
			n.children = []*node{compile(fields[0], leaf)}
		} else {
			n.children = []*node{compileSingle(inner[0], leaf)}
		}
	case repeats && isMap(c) && len(inner[0].Columns()) == 2:
		n.shape, n.elemDef, n.elemRep = shapeMap, inner[0].MaxDefinitionLevel(), inner[0].MaxRepetitionLevel()
		for _, field := range inner[0].Columns() {
			n.children = append(n.children, compile(field, leaf))
		}
	default:
		n.shape = shapeStruct
		for _, field := range inner {
			n.children = append(n.children, compile(field, leaf))
		}
	}
	n.last = *leaf
	return n
}

func isList(c *parquet.Column) bool {
	t := c.Type().LogicalType()
	if t == nil {
		return false
	}
	_, ok := t.Value.(*format.ListType)
	return ok
}

func isMap(c *parquet.Column) bool {
	t := c.Type().LogicalType()
	if t == nil {
		return false
	}
	_, ok := t.Value.(*format.MapType)
	return ok
}

// read assembles the node's value from the values of its leaf columns, which cols holds by number.
func (n *node) read(cols [][]parquet.Value) (value, error) {
	for i := n.first; i < n.last; i++ {
		if len(cols[i]) == 0 {
			return value{}, errDamaged
		}
	}
	if n.first == n.last {
		return value{}, nil // a struct without fields
	}
	head := cols[n.first][0]
	if n.nullable && head.DefinitionLevel() < n.def {
		return value{}, nil
	}
	switch n.shape {
	case shapeLeaf:
		return n.leaf(head), nil
	case shapeStruct:
		v := value{kind: jsonObject}
		for _, field := range n.children {
			e, err := field.read(cols)
			if err != nil {
				return value{}, err
			}
			if !e.is(jsonNull) { // null is how Parquet says that this object has no such field
				v.members = append(v.members, member{field.name, e})
			}
		}
		return v, nil
	}
	v := value{kind: jsonArray}
	if n.shape == shapeMap {
		v.kind = jsonObject
	}
	if head.DefinitionLevel() < n.elemDef {
		return v, nil
	}
	rest, elem := slices.Clone(cols), make([][]parquet.Value, len(cols))
	for len(rest[n.first]) > 0 {
		for i := n.first; i < n.last; i++ {
			end := min(1, len(rest[i]))
			for end < len(rest[i]) && rest[i][end].RepetitionLevel() > n.elemRep {
				end++
			}
			elem[i], rest[i] = rest[i][:end], rest[i][end:]
		}
		e, err := n.children[0].read(elem)
		if err != nil {
			return value{}, err
		}
		if n.shape == shapeList {
			v.elems = append(v.elems, e)
			continue
		}
		mapped, err := n.children[1].read(elem)
		if err != nil {
			return value{}, err
		}
		v.members = append(v.members, member{e.text, mapped})
	}
	return v, nil
}

// leafValue returns how values of a leaf column become JSON: dates and times in ISO 8601, decimals as numbers with all their digits,
// NaN and infinities, which JSON lacks, as null.
func leafValue(t parquet.Type) func(parquet.Value) value {
	if logical := t.LogicalType(); logical != nil {
		switch l := logical.Value.(type) {
		case *format.StringType, *format.EnumType, *format.JsonType:
			return func(v parquet.Value) value { return textValue(string(v.ByteArray())) }
		case *format.UUIDType:
			return func(v parquet.Value) value { return textValue(hex.EncodeToString(v.ByteArray())) }
		case *format.IntType:
			if !l.IsSigned {
				return func(v parquet.Value) value {
					if v.Kind() == parquet.Int32 {
						return number(strconv.FormatUint(uint64(v.Uint32()), 10))
					}
					return number(strconv.FormatUint(v.Uint64(), 10))
				}
			}
		case *format.DecimalType:
			return func(v parquet.Value) value { return decimal(v, int(l.Scale)) }
		case *format.DateType:
			return func(v parquet.Value) value {
				return textValue(time.Unix(int64(v.Int32())*86400, 0).UTC().Format(time.DateOnly))
			}
		case *format.TimestampType:
			unit := int64(time.Millisecond)
			if l.Unit.Value != nil {
				unit = int64(l.Unit.Value.Duration())
			}
			perSecond := int64(time.Second) / unit
			return func(v parquet.Value) value {
				return instant(v.Int64()/perSecond, v.Int64()%perSecond*unit)
			}
		}
	}
	return physicalValue
}

// physicalValue is the value of a column without annotation.
func physicalValue(v parquet.Value) value {
	switch v.Kind() {
	case parquet.Boolean:
		return value{kind: jsonBool, text: strconv.FormatBool(v.Boolean())}
	case parquet.Int32:
		return number(strconv.FormatInt(int64(v.Int32()), 10))
	case parquet.Int64:
		return number(strconv.FormatInt(v.Int64(), 10))
	case parquet.Int96: // Spark's and Impala's old timestamps: nanoseconds of the day, Julian day
		i := v.Int96()
		const epoch = 2440588 // the Julian day of 1970-01-01
		return instant((int64(i[2])-epoch)*86400, int64(i[1])<<32|int64(i[0]))
	case parquet.Float:
		return float(float64(v.Float()), 32)
	case parquet.Double:
		return float(v.Double(), 64)
	}
	b := v.ByteArray()
	if utf8.Valid(b) {
		return textValue(string(b))
	}
	return value{kind: jsonBinary, text: string(b)}
}

func number(text string) value { return value{kind: jsonNumber, text: text} }

func float(f float64, bits int) value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return value{}
	}
	return number(strconv.FormatFloat(f, 'g', -1, bits))
}

func instant(seconds, nanos int64) value {
	return textValue(time.Unix(seconds, nanos).UTC().Format(time.RFC3339Nano))
}

// decimal writes an unscaled integer (of any physical type, bytes big-endian two's complement) with its point.
func decimal(v parquet.Value, scale int) value {
	unscaled := new(big.Int)
	switch v.Kind() {
	case parquet.Int32:
		unscaled.SetInt64(int64(v.Int32()))
	case parquet.Int64:
		unscaled.SetInt64(v.Int64())
	default:
		b := v.ByteArray()
		unscaled.SetBytes(b)
		if len(b) > 0 && b[0] >= 0x80 {
			unscaled.Sub(unscaled, new(big.Int).Lsh(big.NewInt(1), uint(8*len(b))))
		}
	}
	digits, sign := unscaled.String(), ""
	if digits[0] == '-' {
		digits, sign = digits[1:], "-"
	}
	if scale <= 0 {
		return number(sign + digits)
	}
	for len(digits) <= scale {
		digits = "0" + digits
	}
	point := len(digits) - scale
	return number(sign + digits[:point] + "." + digits[point:])
}
