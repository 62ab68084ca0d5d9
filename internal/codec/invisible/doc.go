// SPDX-License-Identifier: AGPL-3.0-or-later

// Package invisible is the one table of the characters that nobody sees, or that
// change how the text around them is shown. Whoever shows, compares or accepts
// what others wrote takes it from here, by [Class].
//
// Sources are the Unicode Character Database (UAX #44), the Bidirectional
// Algorithm (UAX #9) and the security mechanisms of UTS #39, which exclude
// Default_Ignorable_Code_Point from names. A test compares the table with the
// tables of package unicode.
//
// Users differ on purpose:
//
//   - New names and titles are refused with Control, LineEnd or Direction. Marks
//     stay, because keyboards for scripts from right to left insert them, and so
//     does the rest, because programs that show a name remove it; a name of such
//     characters alone is refused. Nothing that is in the table counts as visible.
//   - Terminals replace Control, LineEnd, Mark and Direction in every text. In names
//     they drop all classes, Format and Blank too, because terminals give
//     those no cell; Joiner and Selector stay between what they join.
//   - Names of files have none but Selector and Variant, which scripts and emoji
//     need; package content removes Joiner there, too, so that two names that look
//     alike are the same.
//   - The page takes out of every text what [InText] has. LineEnd stays, because
//     a browser shows it as white space and it keeps words apart; Joiner, Selector,
//     Variant and Format stay, because scripts need them, and Blank, because Braille
//     uses it as a space. Tags stay in flags, the only emoji made of them.
//
// The page's regular expressions, web/src/model/invisible.gen.ts, are made from
// the table by go generate.
//
// The package is not for letters that look like others.
package invisible
