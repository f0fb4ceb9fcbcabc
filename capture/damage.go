package capture

// Damaged marks an error that ends one file and not the reading: the next call
// of Read goes on with the file after it.
func (*FormatError) Damaged() bool { return true }

// Damaged marks an error that ends one file and not the reading.
func (*LinkTypeError) Damaged() bool { return true }

// Unread says that nothing of the file was analysed.
func (*LinkTypeError) Unread() bool { return true }
