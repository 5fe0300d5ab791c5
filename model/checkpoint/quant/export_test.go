package quant

// CompressAt is Compress about a given offset.
var CompressAt = compress
