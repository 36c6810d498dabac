//! What strangers send to two small readers of our own: pasted lists of people, and answers of DNS servers. Both end, and
//! give back nothing that was not in the text.
#![no_main]

use bailiwick::console::pasted;
use bailiwick::dns;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (&str, &[u8], bool)| {
    let (text, bytes, whole) = input;
    let lines = text.lines().count();
    let mut before = 0;
    for (number, wanted, problem) in pasted::read(text) {
        assert!(number > before && number <= lines, "each line once, in order");
        before = number;
        assert!(wanted.org_role.is_none() || problem.is_empty());
        assert!(wanted.who.len() + wanted.team_role.len() <= text.len());
        assert!(wanted.teams.iter().all(|team| !team.is_empty() && !team.contains(['|', ' '])));
    }

    let question = dns::question("_bailiwick.example.com", 7).unwrap();
    // Half of the answers repeat the question, or nothing behind it would ever be read.
    let answer = match whole {
        true => bytes.to_vec(),
        false => {
            let mut answer = question.clone();
            answer[2] |= 0x80;
            for (place, byte) in answer[3..12].iter_mut().zip(bytes) {
                *place = *byte;
            }
            answer.extend(bytes.iter().skip(9));
            answer
        }
    };
    if dns::fits(&answer, &question, 7) {
        if let Ok(texts) = dns::read(&answer, question.len()) {
            // What is no UTF-8 becomes a mark of three bytes for each byte.
            assert!(texts.iter().map(String::len).sum::<usize>() <= 3 * answer.len());
        }
    }
});
