package classify

// ShortestIdle is the shortest silence that may be a timer's doing: below it
// lie the pauses of ordinary traffic.
const ShortestIdle = 1900e6
