package arena

import (
	"fmt"
	"reflect"
	"unsafe"
)

// Maker makes values of T in an Arena.
type Maker[T any] struct{ arena *Arena }

// NewMaker returns a Maker of T. It panics when T has pointers: the garbage
// collector would not see them.
func NewMaker[T any](a *Arena) Maker[T] {
	if at := pointer(reflect.TypeFor[T]()); at != "" {
		panic(fmt.Sprintf("arena: %v refers to memory elsewhere: %s", reflect.TypeFor[T](), at))
	}
	return Maker[T]{a}
}

// pointer names the first part of t that is not its own memory, "" when there is
// none.
func pointer(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64,
		reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return ""
	case reflect.Array:
		return pointer(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if at := pointer(t.Field(i).Type); at != "" {
				return t.Field(i).Name + ", " + at
			}
		}
		return ""
	}
	return t.Kind().String()
}

// New returns a zero T. It stays as long as the Arena.
func (m Maker[T]) New() *T {
	var t T
	if n := int(unsafe.Sizeof(t)); n <= HugePage {
		if p := m.arena.carve(n); p != nil {
			return (*T)(p)
		}
	}
	return new(T)
}

// Slice returns n zero values that lie in a row.
func (m Maker[T]) Slice(n int) []T {
	var t T
	if size := n * int(unsafe.Sizeof(t)); size >= HugePage {
		if b := m.arena.block(size); b != nil {
			return unsafe.Slice((*T)(unsafe.Pointer(&b[0])), n)
		}
	}
	return make([]T, n)
}

// Free gives back what Slice returned; nothing may use it any more.
func (m Maker[T]) Free(s []T) {
	if len(s) > 0 {
		m.arena.release(unsafe.Pointer(&s[0]))
	}
}
