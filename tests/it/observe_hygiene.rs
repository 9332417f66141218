//! `#[observe]` needs nothing from the module that it is used in.

use crate::observe_project::observed;

mod bare {
    #![no_implicit_prelude]

    pub(super) mod re_exporter {
        pub(crate) use ::warmspan as traced;
    }

    /// Traits of the user's own that are in scope must not be taken for ours.
    #[allow(dead_code)]
    trait Colliding {
        fn add(&self) {}
        fn run(&self) {}
        fn output(&self) {}
        fn end(&self) {}
    }

    impl<T> Colliding for T {}

    #[allow(dead_code, non_camel_case_types)]
    struct Option;
    #[allow(dead_code)]
    struct Result;
    #[allow(dead_code)]
    struct Box;

    #[::warmspan::observe]
    pub(super) fn plain(call: u8, output: u8) -> u8 {
        call.end();
        call + output
    }

    #[::warmspan::observe]
    pub(super) async fn waiting(call: &str) -> ::std::result::Result<&str, ::std::string::String> {
        ::std::result::Result::Ok(call)
    }

    #[::warmspan::observe(crate = self::re_exporter::traced, as_type = "tool")]
    pub(super) fn re_exported() {}
}

#[tokio::test]
async fn no_prelude_is_needed_and_names_do_not_collide() {
    let outline = observed(|| {
        assert_eq!(bare::plain(1, 2), 3);
        assert_eq!(
            futures_util::FutureExt::now_or_never(bare::waiting("now")),
            Some(Ok("now"))
        );
        bare::re_exported();
    });
    assert_eq!(
        outline.await,
        "\
plain [span] input={\"call\":1,\"output\":2} output=3
waiting [span] input={\"call\":\"now\"} output=now
re_exported [tool]
"
    );
}
